"""What callers own: found by them alone, listed in order, changed and claimed by one at a time."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from tianji_core.store.objects import StoredObject, new_id


def made(number, kind="file", owner="user:a", **more):
    return StoredObject(id=f"{kind}-{number:03}", kind=kind, owner=owner, created_at=1000.0 + number, **more)


def test_only_its_owner_finds_it(with_store):
    async def main(opened):
        objects = opened.objects
        mine = made(1, data={"a": ["\u00fc", 1.5, None]}, status="new", deployment_id="d", vendor_id="v")
        await objects.add(mine)
        assert await objects.get("file", mine.id, "user:a") == mine
        assert await objects.get("file", mine.id, None) == mine
        assert await objects.get("file", mine.id, "user:b") is None
        assert await objects.get("batch", mine.id, "user:a") is None
        assert not await objects.remove("file", mine.id, "user:b")
        assert await objects.remove("file", mine.id, "user:a")
        assert await objects.get("file", mine.id, "user:a") is None

    with_store(main)


def test_lists(with_store):
    async def main(opened):
        objects = opened.objects
        for number in range(7):
            await objects.add(made(number))
            await objects.add(made(number, kind="batch"))
        await objects.add(made(9, owner="user:b"))
        await objects.add(replace(made(7), created_at=1006.0))  # as old as another

        async def ids(**options):
            found, more = await objects.list("file", "user:a", **options)
            return [each.id[-1] for each in found], more

        assert await ids() == (list("76543210"), False)
        assert await ids(limit=3) == (list("765"), True)
        assert await ids(limit=3, after="file-005") == (list("432"), True)
        assert await ids(limit=3, after="file-002") == (list("10"), False)
        assert await ids(order="asc", limit=2, after="file-001") == (list("23"), True)
        assert await ids(order="asc", after="file-006") == (list("7"), False)
        assert await ids(before="file-005") == (list("76"), False)
        assert await ids(after="file-009") == (list("76543210"), False)  # not theirs: as if there were none
        assert len((await objects.list("file", None))[0]) == 9

    with_store(main)


def test_what_has_expired_is_gone(with_store):
    async def main(opened):
        objects, now = opened.objects, time.time()
        await objects.add(made(1, expires_at=now - 1))
        await objects.add(made(2, expires_at=now + 100))
        await objects.add(made(3))
        await opened.pieces.append("file-001", 0, b"old")
        assert await objects.get("file", "file-001", None) is None
        assert len((await objects.list("file", None))[0]) == 2
        assert await objects.sweep() == 1
        assert [piece async for piece in opened.pieces.read("file-001")] == []
        assert await objects.sweep() == 0

    with_store(main)


def test_a_piece_is_written_with_its_change_or_not_at_all(with_store):
    async def main(opened):
        objects = opened.objects
        await objects.add(made(1, data={"pieces": 0}))
        start = await objects.get("file", "file-001", None)

        def grown(present):
            return replace(present, data={"pieces": present.data["pieces"] + 1})

        async def content():
            return [piece async for piece in opened.pieces.read("file-001")]

        first = await objects.change(start, grown, piece=(0, b"one"))
        assert await content() == [b"one"]

        def refused(present):
            raise KeyError(present.version)

        with pytest.raises(KeyError):
            await objects.change(first, refused, piece=(1, b"two"))
        assert await content() == [b"one"]
        assert (await objects.change(start, grown, piece=(1, b"two"))).data == {"pieces": 2}  # from an old state
        assert await content() == [b"one", b"two"]
        assert await objects.change(made(9, data={"pieces": 0}), grown, piece=(0, b"x")) is None

    with_store(main)


def test_when_work_is_due(with_store):
    async def main(opened):
        objects, now = opened.objects, time.time()
        assert await objects.due("batch", {"new"}) is None
        await objects.add(made(1, kind="batch", status="done"))
        await objects.add(made(1, kind="file", status="new"))
        assert await objects.due("batch", {"new"}) is None
        await objects.add(made(2, kind="batch", status="new", worker="w", leased_until=now + 50))
        await objects.add(made(3, kind="batch", status="new", leased_until=now + 20))
        assert await objects.due("batch", {"new", "old"}) == pytest.approx(now + 20)
        assert await objects.claim("batch", {"new"}, "me", 5) is None
        await objects.add(made(4, kind="batch", status="new"))
        assert await objects.due("batch", {"new"}) == 0

    with_store(main)


def test_no_change_is_lost(with_store):
    async def main(*stores):
        await stores[0].objects.add(made(1, data={"count": 0}))
        start = await stores[0].objects.get("file", "file-001", None)

        async def count(objects):
            for _ in range(5):
                changed = await objects.change(start, lambda o: replace(o, data={"count": o.data["count"] + 1}))
                assert changed is not None

        await asyncio.gather(*(count(store.objects) for store in stores for _ in range(2)))
        found = await stores[0].objects.get("file", "file-001", None)
        assert found.data == {"count": 20}
        assert await stores[0].objects.change(made(5), lambda o: o) is None

    with_store(main, count=2)


def test_work_goes_to_one_worker_at_a_time(with_store):
    async def main(*stores):
        for number in range(10):
            await stores[0].objects.add(made(number, kind="batch", status="waiting"))
        await stores[0].objects.add(made(11, kind="batch", status="done"))

        async def work(objects, name):
            mine = []
            while (claimed := await objects.claim("batch", ("waiting", "running"), name, 60)) is not None:
                mine.append(claimed.id)
                assert claimed.worker == name
            return mine

        got = await asyncio.gather(*(work(s.objects, f"{i}.{n}") for i, s in enumerate(stores) for n in range(3)))
        assert sorted(id for mine in got for id in mine) == [f"batch-{n:03}" for n in range(10)]

    with_store(main, count=2)


def test_a_worker_that_dies_holds_nothing_for_long(with_store):
    async def main(opened):
        objects = opened.objects
        await objects.add(made(1, kind="batch", status="waiting"))
        assert (await objects.claim("batch", ["waiting"], "dead", 60)).id == "batch-001"
        assert await objects.claim("batch", ["waiting"], "next", 60) is None
        assert await objects.renew("batch-001", "dead", 0.05)
        await asyncio.sleep(0.1)
        assert (await objects.claim("batch", ["waiting"], "next", 60)).id == "batch-001"
        assert not await objects.renew("batch-001", "dead", 60)
        await objects.release("batch-001", "dead")  # not its own any more
        assert await objects.claim("batch", ["waiting"], "third", 60) is None
        await objects.release("batch-001", "next")
        assert (await objects.claim("batch", ["waiting"], "third", 60)).worker == "third"

    with_store(main)


def test_content_in_pieces(with_store):
    async def main(opened):
        pieces, content = opened.pieces, bytes(range(256)) * 9000

        async def parts(data, size, fail_at=None):
            for start in range(0, len(data), size):
                if fail_at is not None and start >= fail_at:
                    raise ValueError("cut")
                yield data[start : start + size]

        async def whole(object_id):
            return b"".join([piece async for piece in pieces.read(object_id)])

        assert await pieces.write("f", parts(content, 70_001)) == len(content)
        assert await whole("f") == content
        assert await pieces.write("f", parts(b"new", 2)) == 3
        assert await whole("f") == b"new"
        with pytest.raises(ValueError, match="cut"):
            await pieces.write("f", parts(content, 70_001, fail_at=2_000_000))
        assert await whole("f") == b""
        for number, data in ((1, b"b"), (0, b"a"), (1, b"c")):
            await pieces.append("g", number, data)
        assert await whole("g") == b"ac"
        await pieces.remove("g")
        assert await whole("g") == b""

    with_store(main)


def test_ids_are_told_apart():
    ids = {new_id("file-") for _ in range(1000)}
    assert len(ids) == 1000
    assert all(each.startswith("file-") and len(each) == 37 for each in ids)


def test_some_by_their_ids_and_by_what_they_say(with_store):
    async def main(opened):
        objects = opened.objects
        for number, word in enumerate("aba"):
            assert await objects.add_once(made(number, data={"word": word}))
        assert not await objects.add_once(made(1, owner="user:b"))
        assert (await objects.get("file", "file-001", None)).owner == "user:a"
        found = await objects.get_all("file", ["file-000", "file-001", "file-009", "no\x00id"], None)
        assert set(found) == {"file-000", "file-001"}
        assert await objects.get_all("batch", ["file-000"], None) == {}
        assert await objects.get_all("file", [], None) == {}
        listed, more = await objects.list("file", "user:a", having={"word": "a"}, limit=1)
        assert ([each.id for each in listed], more) == (["file-002"], True)
        assert await objects.list("file", "user:a", having={"word": "\x00"}) == ([], False)
        assert await objects.list("file", "user:a", having={"other": "a"}) == ([], False)
        assert await objects.get("file", "no\x00id", None) is None

    with_store(main)


def test_content_comes_and_goes_with_its_object(with_store):
    async def main(opened):
        objects, pieces = opened.objects, opened.pieces
        large = bytes(range(256)) * 10_000  # more than two pieces
        await objects.add(made(1), large)
        await objects.add(made(2), b"")
        await objects.add(made(3))
        ids = [f"file-00{n}" for n in range(1, 5)]
        assert await pieces.read_all(ids) == {"file-001": large, "file-002": b""}
        with pytest.raises(IntegrityError):
            await objects.add(made(1), b"other")
        assert (await pieces.read_all(ids))["file-001"] == large
        stored = await objects.get("file", "file-001", "user:a")
        changed = await objects.change(stored, lambda o: replace(o, status="done"), b"small")
        assert await pieces.read_all(ids[:1]) == {"file-001": b"small"}
        assert await objects.change(changed, lambda o: None, b"never") == changed
        assert await pieces.read_all(ids[:1]) == {"file-001": b"small"}
        assert await objects.change(stored, lambda o: None if o.status else replace(o, status="x"), b"never") == changed
        assert await objects.remove("file", "file-001", "user:a")
        assert await pieces.read_all(ids) == {"file-002": b""}

    with_store(main)


def test_those_that_an_object_needs_live_as_long(with_store):
    async def main(opened):
        objects = opened.objects
        now = time.time()
        await objects.add(replace(made(1), expires_at=now + 50))
        await objects.add(replace(made(2), expires_at=now + 99))  # long enough
        await objects.add(replace(made(3, owner="user:b"), expires_at=now + 50))
        await objects.add(replace(made(4), expires_at=None))
        needed = ["file-001", "file-002", "file-003", "file-004"]
        await objects.add(replace(made(5), created_at=now, expires_at=now + 100), b"x", outlived=needed)
        found = {**await objects.get_all("file", needed, "user:a"), **await objects.get_all("file", needed, "user:b")}
        lives = [found[each].expires_at for each in needed]
        assert lives == [now + 100, now + 99, now + 50, None]
        assert await objects.get_all("batch", needed, "user:a") == {}

    with_store(main)


def test_work_that_is_cancelled_holds_no_lock(with_store):
    """Wherever a cancel comes, the next writer has not to wait for what it left behind."""

    async def main(*stores):
        objects = stores[0].objects
        await objects.add(made(0, kind="batch", status="waiting"))
        start = await objects.get("batch", "batch-000", None)

        async def everything(name):
            while True:
                await objects.change(start, lambda o: replace(o, data={"by": name}))
                claimed = await objects.claim("batch", ["waiting"], name, 60)
                if claimed is not None:
                    await objects.release(claimed.id, name)
                await stores[0].pieces.append(name, 0, b"x" * 1000)
                await objects.list("batch", None)

        for number in range(60):
            task = asyncio.create_task(everything(str(number)))
            await asyncio.sleep(number % 20 * 0.0007)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled()
            async with asyncio.timeout(5):
                await stores[1].objects.change(start, lambda o: replace(o, data={}))

    with_store(main, count=2)
