"""Credentials of every kind, their tokens, and where they are looked for. No test needs Google."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tianji_core.api.errors import APIConnectionError, AuthenticationError, BadGatewayError
from tianji_core.api.http import Headers, Media, UpstreamReply, UpstreamRequest
from tianji_core.api.provider import ModelRequest
from tianji_provider_vertex_ai import VertexProvider, VertexSettings

USER = {"type": "authorized_user", "client_id": "a", "client_secret": "s3cret-b", "refresh_token": "s3cret-c"}


@pytest.fixture(scope="module")
def service_account() -> dict[str, Any]:
    """A service account of nobody, whose token endpoint is a name that resolves to nothing."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {
        "type": "service_account",
        "project_id": "its-project",
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": "robot@its-project.example",
        "token_uri": "https://token.example/token",
    }


class Google:
    """A network with Google's token endpoint on it. Remembers what it was asked, and on which thread."""

    def __init__(self, *replies: UpstreamReply | Exception, seconds: float = 3600) -> None:
        token = {"access_token": "t-1", "expires_in": seconds, "token_type": "Bearer"}
        self.replies = list(replies) or [reply(token)]
        self.asked: list[UpstreamRequest] = []
        self.threads: set[int] = set()

    async def fetch(self, request: UpstreamRequest, *, timeout: float = 0.0, limit: int = 0) -> UpstreamReply:
        self.asked.append(request)
        self.threads.add(threading.get_ident())
        await asyncio.sleep(0.01)
        found = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(found, Exception):
            raise found
        return found

    async def download(self, url: str, *, limit: int = 0) -> Media:
        raise AssertionError("nothing is to be downloaded")


def reply(value: Any, status: int = 200) -> UpstreamReply:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return UpstreamReply(status, Headers([("content-type", "application/json")]), body)


def provider(environ: dict[str, str] | None = None, **settings: Any) -> VertexProvider:
    return VertexProvider(VertexSettings.model_validate({**settings, "environ": environ or {}}))


def sent_with(made: VertexProvider, network: Google) -> dict[str, str]:
    request = UpstreamRequest("POST", "https://x.example/")
    return dict(asyncio.run(made.authorize(request, network)).headers)


def test_a_service_account_signs_for_its_token(service_account: dict[str, Any]) -> None:
    network = Google()
    made = provider(vertex_credentials=json.dumps(service_account))
    assert sent_with(made, network) == {"authorization": "Bearer t-1"}
    (asked,) = network.asked
    assert asked.url == "https://token.example/token"
    form = parse_qs(bytes(asked.body).decode())  # type: ignore[arg-type]
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assert form["assertion"][0].count(".") == 2
    assert all(name == name.lower() for name, _ in asked.headers)
    assert network.threads == {threading.get_ident()}, "the network belongs to the event loop"


def test_a_token_is_fetched_once_for_many_and_kept(service_account: dict[str, Any]) -> None:
    network, made = Google(), provider(vertex_credentials=service_account)

    async def many() -> None:
        requests = [UpstreamRequest("POST", "https://x.example/") for _ in range(20)]
        done = await asyncio.gather(*(made.authorize(each, network) for each in requests))
        assert all(("authorization", "Bearer t-1") in each.headers for each in done)
        await made.authorize(UpstreamRequest("POST", "https://x.example/"), network)

    asyncio.run(many())
    assert len(network.asked) == 1


def test_the_event_loop_goes_on_while_a_token_is_fetched(
    service_account: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What google-auth does, it does on another thread."""
    made = provider(vertex_credentials=service_account)
    seen: list[int] = []
    credentials: Any = made._credential._credentials  # type: ignore[union-attr]
    monkeypatch.setattr(credentials, "refresh", lambda request: seen.append(threading.get_ident()))
    with pytest.raises(AuthenticationError, match="no token"):
        sent_with(made, Google())
    assert seen[0] != threading.get_ident()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, 400), AuthenticationError),
        (reply(b"<html>no</html>", 403), AuthenticationError),
        (reply({"no": "token"}), AuthenticationError),
        (BadGatewayError("The provider's answer makes no sense."), BadGatewayError),
        (APIConnectionError("Connection error."), APIConnectionError),
    ],
)
def test_what_may_go_wrong(service_account: dict[str, Any], answer: Any, error: Any) -> None:
    made = provider(vertex_credentials=service_account)
    with pytest.raises(error) as caught:
        sent_with(made, Google(answer))
    assert service_account["private_key"][40:60] not in str(caught.value)
    assert sent_with(made, Google()) == {"authorization": "Bearer t-1"}, "the next call tries again"


def test_users() -> None:
    network = Google()
    assert sent_with(provider(vertex_credentials={**USER, "quota_project_id": "q"}), network)
    form = parse_qs(bytes(network.asked[0].body).decode())  # type: ignore[arg-type]
    assert form["grant_type"] == ["refresh_token"]
    assert form["refresh_token"] == ["s3cret-c"]


def test_another_clouds_identity(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("of-another-cloud")
    info = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": str(token)},
    }
    network = Google()
    assert sent_with(provider(vertex_credentials=info), network) == {"authorization": "Bearer t-1"}
    assert network.asked[0].url == "https://sts.googleapis.com/v1/token"
    assert b"of-another-cloud" in bytes(network.asked[0].body)  # type: ignore[arg-type]


# -- where credentials are looked for --------------------------------------------------------------------------


def project_of(made: VertexProvider) -> str | None:
    return made._place.project


def test_files_and_variables(service_account: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps(service_account))
    assert project_of(provider(vertex_credentials=str(file))) == "its-project"
    for name in ("VERTEXAI_CREDENTIALS", "VERTEX_CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS"):
        assert project_of(provider({name: str(file)})) == "its-project"
    assert project_of(provider({"VERTEXAI_CREDENTIALS": json.dumps(service_account)})) == "its-project"
    assert project_of(provider({"VERTEXAI_PROJECT": "mine"}, vertex_credentials=str(file))) == "mine"


def test_keys_with_real_line_ends(service_account: dict[str, Any]) -> None:
    """As they come out of some ways of setting an environment variable."""
    broken = json.dumps(service_account).replace("\\n", "\n")
    assert project_of(provider(vertex_credentials=broken)) == "its-project"


def test_gclouds_default_file(tmp_path: Path) -> None:
    folder = tmp_path / ".config" / "gcloud"
    folder.mkdir(parents=True)
    (folder / "application_default_credentials.json").write_text(json.dumps(USER))
    for environ in ({"HOME": str(tmp_path)}, {"CLOUDSDK_CONFIG": str(folder)}):
        network = Google()
        assert sent_with(provider(environ), network)
        assert network.asked[0].url == "https://oauth2.googleapis.com/token"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("/no/such/file.json", "FileNotFoundError"),
        ("[]", "cannot be read"),
        ('{"type": "service_account", "private_key": "s3cret"}', "service_account"),
        ('{"type": "carrier_pigeon"}', "carrier_pigeon"),
        ("{", "neither"),
        ({"type": "external_account", "audience": 5}, "external_account"),
    ],
)
def test_credentials_that_are_none_say_so_at_once(given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        provider(vertex_credentials=given)
    assert "s3cret" not in str(caught.value)


def test_credentials_do_not_show() -> None:
    settings = VertexSettings(vertex_credentials=USER)
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in repr(VertexProvider(settings))


# -- the machine's own -----------------------------------------------------------------------------------------


def test_the_metadata_server_of_the_machine() -> None:
    network = Google()
    made = provider({"GCE_METADATA_HOST": "10.0.0.1"})
    assert sent_with(made, network) == {"authorization": "Bearer t-1"}
    asked = network.asked[0]
    assert asked.url.startswith("http://10.0.0.1/computeMetadata/v1/instance/service-accounts/default/token?")
    assert asked.headers == [("metadata-flavor", "Google")]


def test_it_knows_the_project_too() -> None:
    network, made = Google(reply(b"machines-project\n")), provider()
    request = ModelRequest("chat", "gemini-2.5-flash", {"messages": [{"role": "user", "content": "Hi"}]})
    with pytest.raises(AuthenticationError, match="vertex_project"):
        made.build_request(request)
    asyncio.run(made.prepare(request, network))
    assert "/projects/machines-project/" in made.build_request(request).url
    asyncio.run(made.prepare(request, network))
    assert len(network.asked) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (APIConnectionError("Connection error."), "GOOGLE_APPLICATION_CREDENTIALS"),
        (reply(b"", 404), "404"),
        (reply(b"nonsense"), "no token"),
    ],
)
def test_machines_without_one(answer: Any, words: str) -> None:
    with pytest.raises(AuthenticationError, match=words):
        sent_with(provider(), Google(answer))


def test_an_authorization_of_the_config_is_kept() -> None:
    network = Google()
    made = provider(extra_headers={"Authorization": "Bearer mine"}, vertex_credentials=USER)
    assert sent_with(made, network) == {}
    assert not network.asked
