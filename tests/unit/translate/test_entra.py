"""Ways to a token of Entra."""

from __future__ import annotations

import asyncio
import sys
import time
import types
from urllib.parse import parse_qs

import pytest

from tianji_core.api.errors import AuthenticationError
from tianji_core.api.http import Headers, UpstreamReply, UpstreamRequest
from tianji_core.translate.entra import ASSERTION, SCOPE, EntraSettings, entra

CLIENT = {"tenant_id": "ten/ant", "client_id": "me"}


class FakeNetwork:
    """Gives tokens, and remembers what it was asked."""

    def __init__(self):
        self.requests = []

    async def fetch(self, request, *, timeout=60.0, limit=0):
        self.requests.append(request)
        return UpstreamReply(200, Headers(), b'{"access_token": "fetched", "expires_in": 3600}')


def found(environ=(), **settings):
    return entra(EntraSettings(environ=dict(environ), **settings))


def authorize(credential):
    network = FakeNetwork()
    request = asyncio.run(credential.authorize(UpstreamRequest("POST", "https://v", [("a", "b")]), network))
    forms = [{k: v[0] for k, v in parse_qs(r.body.decode()).items()} for r in network.requests]
    return dict(request.headers), [r.url for r in network.requests], forms


def test_nothing():
    assert found() is None
    assert found(tenant_id="t", client_id="c") is None


def test_a_ready_token():
    assert found(azure_ad_token="t").static == "t"
    assert found({"AZURE_AD_TOKEN": "e"}).static == "e"
    assert authorize(found(azure_ad_token="t")) == ({"a": "b"}, [], [])


def test_a_clients_secret():
    headers, urls, forms = authorize(found(**CLIENT, client_secret="s3cret", azure_ad_token="not this"))
    assert headers == {"a": "b", "authorization": "Bearer fetched"}
    assert urls == ["https://login.microsoftonline.com/ten%2Fant/oauth2/v2.0/token"]
    assert forms == [{"client_id": "me", "grant_type": "client_credentials", "scope": SCOPE, "client_secret": "s3cret"}]


def test_a_users_password():
    environ = {"AZURE_AUTHORITY_HOST": "login.microsoftonline.us", "AZURE_SCOPE": "my/.default"}
    _, urls, forms = authorize(found(environ, client_id="me", azure_username="ann", azure_password="p"))
    assert urls == ["https://login.microsoftonline.us/organizations/oauth2/v2.0/token"]
    assert forms[0]["grant_type"] == "password"
    assert (forms[0]["username"], forms[0]["password"], forms[0]["scope"]) == ("ann", "p", "my/.default")


@pytest.mark.parametrize("source", ["oidc/file{path}", "oidc/env/TOKEN", "oidc/env_path/WHERE", "oidc/azure/", None])
def test_another_issuers_token(tmp_path, source):
    path = tmp_path / "token"
    path.write_text("theirs\n")
    environ = {"TOKEN": "theirs", "WHERE": str(path), "AZURE_FEDERATED_TOKEN_FILE": str(path)}
    named = {} if source is None else {"azure_ad_token": source.format(path=path)}
    _, _, forms = authorize(found(environ, **CLIENT, **named))
    assert forms[0]["client_assertion"] == "theirs"
    assert forms[0]["client_assertion_type"] == ASSERTION
    assert "client_secret" not in forms[0]


def test_a_token_that_cannot_be_read(tmp_path):
    with pytest.raises(AuthenticationError, match="cannot be read"):
        authorize(found(**CLIENT, azure_ad_token=f"oidc/file{tmp_path}/none"))


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"azure_ad_token": "oidc/env/TOKEN"}, "tenant_id and client_id"),
        ({**CLIENT, "azure_ad_token": "oidc/google/aud"}, "only file"),
        ({**CLIENT, "azure_ad_token": "oidc/env_path/WHERE"}, "names no file"),
        ({"azure_credential": "MyCredential"}, "is one of"),
        ({"azure_credential": "DefaultAzureCredential"}, "needs the package azure-identity"),
    ],
)
def test_what_cannot_work(settings, text, monkeypatch):
    monkeypatch.setitem(sys.modules, "azure", None)
    monkeypatch.delitem(sys.modules, "azure.identity", raising=False)
    with pytest.raises(ValueError, match=text):
        found(**settings)


@pytest.fixture
def library(monkeypatch):
    """A stand-in for azure-identity: notes how credentials are made, and gives tokens or fails."""
    made = []

    class Credential:
        def __init__(self, **named):
            made.append(named)

        def get_token(self, scope):
            if scope == "bad":
                raise OSError("secret details")
            return types.SimpleNamespace(token=f"for {scope}", expires_on=time.time() + 600)

    package, module = types.ModuleType("azure"), types.ModuleType("azure.identity")
    module.DefaultAzureCredential = module.AzureCliCredential = Credential
    monkeypatch.setitem(sys.modules, "azure", package)
    monkeypatch.setitem(sys.modules, "azure.identity", module)
    module.__spec__ = types.SimpleNamespace()
    return made


def test_what_azure_identity_finds(library):
    credential = found({"AZURE_CREDENTIAL": "DefaultAzureCredential"}, client_id="me")
    assert not library
    assert authorize(credential)[0]["authorization"] == f"Bearer for {SCOPE}"
    assert authorize(credential)[0]["authorization"] == f"Bearer for {SCOPE}"
    assert library == [{"managed_identity_client_id": "me"}]


def test_when_azure_identity_finds_nothing(library):
    with pytest.raises(AuthenticationError) as caught:
        authorize(found(azure_credential="AzureCliCredential", azure_scope="bad"))
    assert "secret details" not in str(caught.value)


def test_settings_keep_their_secrets():
    shown = repr(EntraSettings(azure_ad_token="t0ken", client_secret="s3cret", azure_password="passw0rd"))
    assert not any(secret in shown for secret in ("t0ken", "s3cret", "passw0rd"))
