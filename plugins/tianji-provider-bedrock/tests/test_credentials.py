"""Who signs, and how: settings, environment, roles, profiles; signatures by the rules of AWS."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from botocore.exceptions import ClientError
from botocore.session import Session

from tianji_core.api.errors import AuthenticationError, BadGatewayError, RateLimitError
from tianji_core.api.http import Headers, Media, UpstreamReply, UpstreamRequest
from tianji_core.api.provider import ModelRequest
from tianji_provider_bedrock import Bedrock, BedrockSettings
from tianji_provider_bedrock.credentials import CredentialSource
from tianji_provider_bedrock.sigv4 import Credentials, sign

KEYS = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "secret"}
ROLE = "arn:aws:iam::123456789012:role/caller"


class FakeNetwork:
    """Gives each request the next answer, the last one again and again, and remembers what it was sent."""

    def __init__(self, *answers: UpstreamReply) -> None:
        self.answers = list(answers)
        self.requests: list[UpstreamRequest] = []

    async def fetch(self, request: UpstreamRequest, *, timeout: float = 0, limit: int = 0) -> UpstreamReply:
        self.requests.append(request)
        await asyncio.sleep(0)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def download(self, url: str, *, limit: int = 0) -> Media:
        raise AssertionError("nothing is to be downloaded")

    def form(self, index: int = 0) -> dict[str, str]:
        body = self.requests[index].body
        assert isinstance(body, bytes)
        return {name: values[0] for name, values in parse_qs(body.decode()).items()}


def assumed(key: str = "ASIAROLE", seconds: float = 3600) -> UpstreamReply:
    end = (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = (
        f"<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId>"
        f"<SecretAccessKey>s3c/ret+</SecretAccessKey><SessionToken>to/ken==</SessionToken>"
        f"<Expiration>{end}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
    return UpstreamReply(200, Headers(), body.encode())


def source(environ: dict[str, str] | None = None, **settings: Any) -> CredentialSource:
    made = BedrockSettings.model_validate({**settings, "environ": environ or {}})
    return CredentialSource(made, "eu-west-1")


def get(found: CredentialSource, network: FakeNetwork | None = None) -> Credentials:
    return asyncio.run(found.get(network or FakeNetwork()))


def test_keys_of_the_settings_and_of_the_environment() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "es", "AWS_SESSION_TOKEN": "et"}
    assert get(source(environ, **KEYS)) == ("AKIDEXAMPLE", "secret", None)
    assert get(source(environ, **KEYS, aws_session_token="t")) == ("AKIDEXAMPLE", "secret", "t")
    assert get(source(environ)) == ("E", "es", "et")


def test_a_role_is_assumed_once_and_again_before_it_ends() -> None:
    found = source(
        **KEYS,
        aws_role_name=ROLE,
        aws_session_name="blue",
        aws_external_id="ext",
        aws_session_tags=[{"Key": "team", "Value": "a b"}],
    )
    network = FakeNetwork(assumed(seconds=0), assumed("ASIANEW"))

    async def work() -> list[Credentials]:
        first = await asyncio.gather(*(found.get(network) for _ in range(20)))
        await asyncio.sleep(0.55)
        return [*first, await found.get(network)]

    *first, last = asyncio.run(work())
    assert set(first) == {("ASIAROLE", "s3c/ret+", "to/ken==")}
    assert last.access_key == "ASIANEW"
    assert len(network.requests) == 2
    assert network.requests[0].url == "https://sts.eu-west-1.amazonaws.com/"
    assert network.form() == {
        "Action": "AssumeRole",
        "Version": "2011-06-15",
        "RoleArn": ROLE,
        "RoleSessionName": "blue",
        "ExternalId": "ext",
        "Tags.member.1.Key": "team",
        "Tags.member.1.Value": "a b",
    }
    signed = dict(network.requests[0].headers)["authorization"]
    assert "Credential=AKIDEXAMPLE/" in signed
    assert "/eu-west-1/sts/aws4_request" in signed


@pytest.mark.parametrize("where", ["literal", "file", "variable", "oidc_file", "oidc_env", "oidc_env_path"])
def test_web_identity(where: str, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("jwt\n")
    value = {
        "literal": "jwt",
        "file": str(path),
        "variable": "MY_TOKEN",
        "oidc_file": f"oidc/file{path}",
        "oidc_env": "oidc/env/MY_TOKEN",
        "oidc_env_path": "oidc/env_path/MY_PATH",
    }[where]
    network = FakeNetwork(assumed())
    environ = {"MY_TOKEN": "jwt", "MY_PATH": str(path)}
    found = source(environ, aws_role_name=ROLE, aws_web_identity_token=value, aws_sts_endpoint="http://sts")
    assert get(found, network).access_key == "ASIAROLE"
    assert network.requests[0].url == "http://sts"
    form = network.form()
    assert (form["Action"], form["WebIdentityToken"]) == ("AssumeRoleWithWebIdentity", "jwt")
    assert "authorization" not in dict(network.requests[0].headers)


def test_a_pod_of_kubernetes(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("jwt")
    environ = {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": str(path)}
    network = FakeNetwork(assumed())
    assert get(source(environ), network).access_key == "ASIAROLE"
    assert network.form()["RoleArn"] == ROLE
    other = FakeNetwork(assumed("ASIAPOD"), assumed("ASIAOTHER"))
    assert get(source(environ, aws_role_name=f"{ROLE}2"), other).access_key == "ASIAOTHER"
    assert "Credential=ASIAPOD/" in dict(other.requests[1].headers)["authorization"]
    assert get(source(environ, **KEYS)).access_key == "AKIDEXAMPLE"


def test_what_sts_refuses() -> None:
    refused = UpstreamReply(403, Headers(), b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>")
    with pytest.raises(AuthenticationError, match="AccessDenied"):
        get(source(**KEYS, aws_role_name=ROLE), FakeNetwork(refused))
    with pytest.raises(RateLimitError):
        get(source(**KEYS, aws_role_name=ROLE), FakeNetwork(UpstreamReply(429, Headers(), b"")))
    with pytest.raises(BadGatewayError):
        get(source(**KEYS, aws_role_name=ROLE), FakeNetwork(UpstreamReply(200, Headers(), b"<html>")))
    with pytest.raises(AuthenticationError, match="aws_role_name"):
        get(source(aws_web_identity_token="jwt"))
    for token, why in (("oidc/env/NONE", "not set"), ("oidc/google/x", "'google'")):
        with pytest.raises(AuthenticationError, match=why):
            get(source(aws_web_identity_token=token, aws_role_name=ROLE))
    with pytest.raises(AuthenticationError, match="file"):
        get(source(aws_web_identity_token="/nowhere/at/all", aws_role_name=ROLE))


@pytest.fixture
def aws_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config").write_text("[profile blue]\nregion = ap-south-1\n[profile empty]\n")
    (tmp_path / "credentials").write_text("[blue]\naws_access_key_id = AKIABLUE\naws_secret_access_key = bs\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.usefixtures("aws_files")
def test_profiles() -> None:
    assert get(source(aws_profile_name="blue")) == ("AKIABLUE", "bs", None)
    assert get(source({"AWS_PROFILE": "blue"})) == ("AKIABLUE", "bs", None)
    environ = {"AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "es"}
    assert get(source(environ, aws_profile_name="blue")).access_key == "AKIABLUE"
    with pytest.raises(AuthenticationError, match="ProfileNotFound"):
        get(source(aws_profile_name="red"))
    with pytest.raises(AuthenticationError, match="No AWS credentials"):
        get(source())
    assert Bedrock(BedrockSettings(aws_profile_name="blue")).region == "ap-south-1"
    assert Bedrock(BedrockSettings(aws_profile_name="red")).region == "us-west-2"


@pytest.mark.usefixtures("aws_files")
def test_files_are_read_anew() -> None:
    found = source(aws_profile_name="blue")
    first = found._from_botocore()
    path = Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"])
    path.write_text(path.read_text().replace("AKIABLUE", "AKIANEW"))
    assert first.value.startswith("AKIABLUE")
    assert found._from_botocore().value.startswith("AKIANEW")


@pytest.mark.parametrize(
    "error",
    [ClientError({"Error": {"Code": "AccessDenied"}}, "AssumeRole"), RuntimeError("still expired"), KeyError()],
    ids=["ClientError", "RuntimeError", "KeyError"],
)
def test_what_botocore_trips_over(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Session) -> None:
        raise error

    monkeypatch.setattr(Session, "get_credentials", fail)
    with pytest.raises(AuthenticationError, match=type(error).__name__):
        get(source())


def test_the_region_of_the_config_file(tmp_path: Path) -> None:
    def region(**environ: str) -> str:
        return Bedrock(BedrockSettings.model_validate({"environ": environ})).region

    (tmp_path / ".aws").mkdir()
    path = tmp_path / ".aws" / "config"
    assert region(HOME=str(tmp_path)) == "us-west-2"
    path.write_text("[default]\nregion = eu-north-1\n")
    assert region(AWS_CONFIG_FILE=str(path)) == "eu-north-1"
    assert region(AWS_CONFIG_FILE=str(path), AWS_REGION="us-east-1") == "us-east-1"
    path.write_text("nonsense")
    assert region(AWS_CONFIG_FILE=str(path)) == "us-west-2"


# -- signatures ----------------------------------------------------------------------------------------------------


def signature(request: UpstreamRequest, secret: str, service: str) -> str:
    """The signature by the letter of AWS's description, as a check on how botocore is used."""
    fields = dict(request.headers)
    parts = urlsplit(request.url)
    scope, names = fields["authorization"].split("Credential=")[1].split(", ")[:2]
    _, date, region, _, _ = scope.split("/")
    signed = names.removeprefix("SignedHeaders=")
    values = {**fields, "host": parts.netloc}
    assert isinstance(request.body, bytes)
    canonical = "\n".join(
        [
            request.method,
            quote(parts.path, safe="/~"),
            "",
            *(f"{name}:{values[name]}" for name in signed.split(";")),
            "",
            signed,
            hashlib.sha256(request.body).hexdigest(),
        ]
    )
    text = "\n".join(
        [
            "AWS4-HMAC-SHA256",
            fields["x-amz-date"],
            f"{date}/{region}/{service}/aws4_request",
            hashlib.sha256(canonical.encode()).hexdigest(),
        ]
    )
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def test_signatures_follow_the_rules_of_aws() -> None:
    headers = [("content-type", "application/json"), ("x-team", "blue")]
    url = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/arn%3Aaws%3Abedrock%2Fx%3A0/converse"
    signed = sign(UpstreamRequest("POST", url, headers, b"{}"), Credentials("AK", "SK", "T"), "eu-west-1")
    fields = dict(signed.headers)
    assert signed.url == url
    assert fields["x-amz-security-token"] == "T"
    assert fields["x-team"] == "blue"
    assert "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token," in fields["authorization"]
    assert fields["authorization"].endswith(f"Signature={signature(signed, 'SK', 'bedrock')}")
    assert len(fields) == len(signed.headers)


def authorized(environ: dict[str, str] | None = None, operation: Any = "chat", **settings: Any) -> dict[str, str]:
    provider = Bedrock(BedrockSettings.model_validate({**settings, "environ": environ or {}}))
    body = {"messages": [{"role": "user", "content": "Hi"}], "query": "q", "documents": ["d"]}
    request = provider.build_request(ModelRequest(operation, "amazon.nova-lite-v1:0", body))
    return dict(asyncio.run(provider.authorize(request, FakeNetwork())).headers)


def test_the_region_of_the_address_is_signed() -> None:
    made = Bedrock(BedrockSettings(**KEYS, model="*"))
    arn = "arn:aws:bedrock:eu-north-1:1:imported-model/x"
    for model, region in (("eu-west-1/x.y", "eu-west-1"), (arn, "eu-north-1")):
        request = made.build_request(ModelRequest("chat", model, {"messages": [{"role": "user", "content": "Hi"}]}))
        assert request.url.startswith(f"https://bedrock-runtime.{region}.amazonaws.com/")
        signed = dict(asyncio.run(made.authorize(request, FakeNetwork())).headers)["authorization"]
        assert f"/{region}/bedrock/aws4_request" in signed


def test_a_bearer_token_or_a_signature() -> None:
    token = {"AWS_BEARER_TOKEN_BEDROCK": "b"}
    assert authorized(token)["authorization"] == "Bearer b"
    assert authorized(api_key="k")["authorization"] == "Bearer k"
    assert "x-amz-date" not in authorized(api_key="k")
    explicit = authorized(token, **KEYS, aws_region_name="us-east-1")["authorization"]
    assert "Credential=AKIDEXAMPLE/" in explicit
    assert "/us-east-1/bedrock/aws4_request" in explicit
    assert authorized(api_key="k", **KEYS)["authorization"] == "Bearer k"
    assert "Credential=AKIDEXAMPLE/" in authorized(operation="rerank", api_key="k", **KEYS)["authorization"]


def test_secrets_show_nowhere() -> None:
    settings = BedrockSettings(**KEYS, aws_session_token="tok", aws_external_id="ext", aws_web_identity_token="jwt")
    assert not any(word in repr(settings) for word in ("secret'", "AKIDEXAMPLE", "tok'", "'ext'", "jwt"))
