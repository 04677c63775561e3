"""`/v1/files`: kept in the store, owned by whoever uploaded them."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from upload_forms import END, FORM, form, key, part, upload

from tianji_core.api.errors import NotFoundError

ROUTES = (("GET", ""), ("GET", "/file-1"), ("DELETE", "/file-1"), ("GET", "/file-1/content"))


@pytest.fixture
def files(with_callers):
    return with_callers


def test_a_files_life(files, database, leftovers):
    async def main(client):
        made = await upload(client, content=b"\x00\xff" * 1_500_000, filename="näme.bin", purpose="user_data")
        assert made.status == 200, made.body
        file = made.json()
        assert re.fullmatch(r"file-[0-9a-f]{32}", file["id"])
        assert isinstance(file["created_at"], int)
        assert file == {
            "id": file["id"],
            "object": "file",
            "bytes": 3_000_000,
            "created_at": file["created_at"],
            "filename": "näme.bin",
            "purpose": "user_data",
            "status": "processed",
            "status_details": None,
        }
        path = f"/v1/files/{file['id']}"
        assert (await client.get(path, headers=key("ann"))).json() == file
        assert (await client.get("/files", headers=key("ann"))).json() == {
            "object": "list",
            "data": [file],
            "has_more": False,
            "first_id": file["id"],
            "last_id": file["id"],
        }
        content = await client.get(f"{path}/content", headers=key("ann"))
        assert content.body == b"\x00\xff" * 1_500_000
        assert content.headers["content-length"] == "3000000"
        assert content.headers["content-type"] == "application/octet-stream"
        expected = "attachment; filename=\"n_me.bin\"; filename*=utf-8''n%C3%A4me.bin"
        assert content.headers["content-disposition"] == expected
        assert content.headers["x-content-type-options"] == "nosniff"
        gone = await client.request("DELETE", path, headers=key("ann"))
        assert gone.json() == {"id": file["id"], "object": "file", "deleted": True}
        for answer in (
            await client.get(path, headers=key("ann")),
            await client.get(f"{path}/content", headers=key("ann")),
            await client.request("DELETE", path, headers=key("ann")),
        ):
            assert answer.status == 404
            assert answer.error["type"] == "invalid_request_error"
        assert await leftovers(client) == (0, 0)

    files(main, database)


def test_others_see_nothing_and_admins_see_by_id(files, database):
    async def main(client):
        id = (await upload(client, "ann")).json()["id"]
        for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
            answer = await client.request(method, f"/v1/files/{id}{path}", headers=key("bob"))
            never = await client.request(method, f"/v1/files/file-{'0' * 32}{path}", headers=key("bob"))
            assert answer.status == never.status == 404
            assert answer.body == never.body.replace(b"0" * 32, id[5:].encode())
        assert (await client.get("/v1/files", headers=key("bob"))).json()["data"] == []
        assert (await client.get("/v1/files", headers=key("boss"))).json()["data"] == []
        assert (await client.get("/v1/files", headers=key("bob"), query=f"after={id}")).json()["data"] == []
        assert (await client.get(f"/v1/files/{id}", headers=key("boss"))).json()["id"] == id
        assert (await client.get(f"/v1/files/{id}/content", headers=key("boss"))).body == b'{"a":1}\n'
        assert (await client.request("DELETE", f"/v1/files/{id}", headers=key("boss"))).status == 200

    files(main, database)


def test_listing(files, database):
    async def main(client):
        made = [
            (await upload(client, purpose=purpose)).json()["id"] for purpose in ("batch", "user_data", "batch", "batch")
        ]

        async def listed(query):
            answer = (await client.get("/v1/files", headers=key("ann"), query=query)).json()
            return [each["id"] for each in answer["data"]], answer["has_more"]

        assert await listed("") == (made[::-1], False)
        assert await listed("order=asc") == (made, False)
        assert await listed("limit=2") == (made[:1:-1], True)
        assert await listed(f"limit=2&after={made[2]}") == (made[1::-1], False)
        assert await listed("purpose=batch&limit=2&order=asc") == ([made[0], made[2]], True)
        assert await listed(f"purpose=batch&limit=2&order=asc&after={made[2]}") == ([made[3]], False)
        assert await listed("purpose=vision") == ([], False)
        assert await listed("purpose=%00") == ([], False)
        for wrong in ("limit=0", "limit=x", "limit=10001", "order=up"):
            answer = await client.get("/v1/files", headers=key("ann"), query=wrong)
            assert (answer.status, answer.error["param"]) == (400, wrong.partition("=")[0])

    files(main, database)


def test_what_is_wrong_with_a_form(files, leftovers):
    cases = [
        (form(purpose=None), "purpose"),
        (form(purpose="nonsense"), "purpose"),
        (form(purpose=None, last=[("purpose", "nonsense")]), "purpose"),
        (form(purpose="batch_output"), "purpose"),
        (part("purpose", "batch") + END, "file"),
        (part("purpose", "batch") + part("file", "text") + END, "file"),
        (part("purpose", "batch") + part("other", "text", "a.txt") + END, "file"),
        (form(last=[("expires_after[anchor]", "created_at")]), "expires_after.seconds"),
        (form(last=[("expires_after[seconds]", "3600")]), "expires_after.anchor"),
        (
            form(last=[("expires_after[anchor]", "created_at"), ("expires_after[seconds]", "9")]),
            "expires_after.seconds",
        ),
        (form()[:-10], "request_body"),
        (b"", "request_body"),
    ]

    async def main(client):
        for body, param in cases:
            answer = await client.request("POST", "/v1/files", content=body, headers={**FORM, **key("ann")})
            assert answer.status == 400, body[:200]
            assert answer.error["param"] == param, body[:200]
        answer = await client.post("/v1/files", {"purpose": "batch"}, headers=key("ann"))
        assert (answer.status, answer.error["param"]) == (400, "request_body")
        assert await leftovers(client) == (0, 0)

    files(main)


def test_fields_may_stand_behind_the_file_and_it_may_expire(files, leftovers):
    async def main(client):
        late = [("purpose", "batch"), ("expires_after[anchor]", "created_at"), ("expires_after[seconds]", "3600")]
        file = (await upload(client, purpose=None, last=late)).json()
        assert file["purpose"] == "batch"
        assert file["expires_at"] == file["created_at"] + 3600
        opened = await client.app.serving.gateway.store.ready()
        assert await opened.objects.sweep(file["expires_at"] + 2) == 1
        assert await leftovers(client) == (0, 0)

    files(main)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\\\a\\\\b.txt", "b.txt"),
        ("/", "file"),
        ("..", "file"),
        ("", "file"),
        ("a\x00b\x1b.txt", "ab.txt"),
        ("x" * 300, "x" * 255),
    ],
)
def test_names_are_names_only(files, said, kept):
    async def main(client):
        assert (await upload(client, filename=said)).json()["filename"] == kept

    files(main)


def test_media_types(files):
    async def main(client):
        for said, name, expected in (
            ("text/csv; charset=x", "a", "text/csv"),
            ("application/octet-stream", "a.png", "image/png"),
            (None, "a.jsonl", "application/jsonl"),
            (None, "a.unknown-thing", "application/octet-stream"),
            ("not a type", "a.pdf", "application/pdf"),
        ):
            id = (await upload(client, filename=name, content_type=said)).json()["id"]
            answer = await client.get(f"/v1/files/{id}/content", headers=key("ann"))
            assert answer.headers["content-type"].partition(";")[0] == expected

    files(main)


@pytest.mark.parametrize("announced", [True, False])
def test_too_much_is_refused(files, announced, leftovers):
    async def main(client):
        body = form(content=b"x" * 1_200_000)
        headers = {**FORM, **key("ann"), **({"content-length": str(len(body))} if announced else {})}
        pieces = [body[i : i + 65536] for i in range(0, len(body), 65536)]
        answer = await client.request("POST", "/v1/files", content=pieces, headers=headers)
        assert answer.status == 413
        assert answer.error["type"] == "invalid_request_error"
        assert await leftovers(client) == (0, 0)

    files(main, general={"max_upload_size_mb": 1})


def test_a_client_that_leaves_leaves_nothing_behind(files, database, leftovers):
    async def main(client):
        body = form(content=b"x" * 5_000_000)
        exchange = client.open(
            "POST", "/v1/files", content=body[:4_000_000], headers={**FORM, **key("ann")}, hold_body=True
        )
        while (await leftovers(client))[1] < 3:
            await asyncio.sleep(0.01)
        assert (await client.get("/v1/files", headers=key("ann"))).json()["data"] == []
        exchange.hang_up()
        await exchange.finished()
        assert await leftovers(client) == (0, 0)

    files(main, database)


def test_ids_that_are_none(files, database):
    async def main(client):
        for id in ("file-nope", "%00", "file-\x00", "é", "a" * 5000, "file-'; DROP TABLE tianji_object"):
            assert (await client.get(f"/v1/files/{id}", headers=key("ann"))).status == 404
            assert (await client.get("/v1/files", query=f"after={id[:20]}", headers=key("ann"))).status == 200

    files(main, database)


def test_without_a_key(files, serving, config_beside):
    async def main(client):
        for method, path in (
            ("GET", ""),
            ("POST", ""),
            ("GET", "/file-1"),
            ("DELETE", "/file-1"),
            ("GET", "/file-1/content"),
        ):
            answer = await client.request(method, f"/v1/files{path}")
            assert (answer.status, answer.error["type"]) == (401, "auth_error")

    asyncio.run(_with_master_key(serving, main))


async def _with_master_key(serving, main):
    async with serving({"general_settings": {"master_key": "sk-a-master-key-of-some-length"}}) as client:
        await main(client)


def test_a_database_that_is_away(files, tmp_path):
    async def main(client):
        for method, path in ROUTES:
            answer = await client.request(method, f"/v1/files{path}", headers=key("ann"))
            assert answer.status == 503
            assert answer.error["message"] == "The database is not available."
            assert answer.headers["retry-after"] == "1"
        assert (await upload(client)).status == 503

    files(main, f"sqlite:///{tmp_path}/nowhere/x.db")


def test_many_at_once(files, database):
    async def main(client):
        answers = await asyncio.gather(*(upload(client, f"u{n % 3}", content=b"%d" % n * 100_000) for n in range(12)))
        ids = {answer.json()["id"]: n for n, answer in enumerate(answers)}
        assert len(ids) == 12

        async def check(id, n):
            answer = await client.get(f"/v1/files/{id}/content", headers=key(f"u{n % 3}"))
            assert answer.body == b"%d" % n * 100_000
            assert (await client.get(f"/v1/files/{id}", headers=key(f"u{(n + 1) % 3}"))).status == 404

        await asyncio.gather(*(check(id, n) for id, n in ids.items()))
        gone = await asyncio.gather(
            *(client.request("DELETE", f"/v1/files/{next(iter(ids))}", headers=key("u0")) for _ in range(4))
        )
        assert sorted(answer.status for answer in gone) == [200, 404, 404, 404]

    files(main, database)


def test_the_answer_is_json(files):
    async def main(client):
        made = await upload(client)
        assert made.headers["content-type"] == "application/json"
        assert json.loads(made.body)["object"] == "file"

    files(main)


def test_a_file_that_is_removed_while_it_is_read(files):
    """What has come by then is not taken for the file."""

    async def main(client):
        made = await upload(client, content=b"x" * 3_000_000, filename="a.bin", purpose="user_data")
        gateway = client.app.serving.gateway
        opened = await gateway.store.ready()
        stored = await opened.objects.get("file", made.json()["id"], None)
        pieces = gateway.files.content(stored)
        assert len(await anext(pieces)) < 3_000_000
        await opened.objects.remove("file", stored.id, None)
        with pytest.raises(NotFoundError):
            await anext(pieces)

    files(main)
