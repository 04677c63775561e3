"""Objects at a bucket on a real socket, which checks every signature as Amazon does."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tianji_callback_s3 import S3, S3Settings
from tianji_callback_s3.bucket import Bucket
from tianji_callback_s3.objects import objects_of
from tianji_core.api.callback import Callback
from tianji_core.telemetry import CallbackDispatcher, Subscription
from tianji_core.testing import CallbackConformance
from tianji_core.testing.callback import HttpSink, Sink
from tianji_core.testing.standard import odd_records, sample_record

SECRET = "kit-secret-access-key"
KEYS = {"s3_aws_access_key_id": "AKIAKIT", "s3_aws_secret_access_key": SECRET}
QUICK = {"s3_flush_interval": 0.05, "timeout": 5.0, "s3_bucket_name": "logs", "s3_region_name": "eu-central-1"}


def ids_of(body: bytes) -> list[str]:
    data = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    return [json.loads(line)["id"] for line in data.splitlines()]


class FakeS3(HttpSink):
    """What was put, by its key."""

    def __init__(self) -> None:
        super().__init__(ids_of, path="/")

    @property
    def endpoint(self) -> str:
        return self.url.rstrip("/")

    @property
    def objects(self) -> dict[str, bytes]:
        found = {}
        for head, body in self.requests:
            assert is_signed(head, body), "the signature is wrong"
            found[unquote(head.split(" ")[1])] = body
        return found


def is_signed(head: str, body: bytes) -> bool:
    """Whether the request has the signature that its content asks for."""
    line, *rest = head.split("\r\n")
    method, target, _ = line.split(" ")
    fields = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest if each)}
    given = fields["authorization"]
    names = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert fields["x-amz-content-sha256"] in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest())
    request = AWSRequest(method=method, url=f"http://{fields['host']}{target}", data=body)
    for name in names:
        if name != "host":
            request.headers[name] = fields[name]
    request.context["timestamp"] = fields["x-amz-date"]
    auth = S3SigV4Auth(Credentials("AKIAKIT", SECRET), "s3", "eu-central-1")
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    return given.endswith(f"Signature={signature}")


class TestS3(CallbackConformance):
    secrets = (SECRET,)

    def sink(self) -> Sink:
        return FakeS3()

    def callback(self, sink: Any) -> Callback:
        return S3(S3Settings(s3_endpoint_url=sink.endpoint, **KEYS, **QUICK))


class TestS3OneByOne(CallbackConformance):
    def sink(self) -> Sink:
        return FakeS3()

    def callback(self, sink: Any) -> Callback:
        return S3(S3Settings(s3_endpoint_url=sink.endpoint, s3_format="json", **KEYS, **QUICK))


def put(*records, **settings):
    async def main():
        async with FakeS3() as sink:
            callback = S3(S3Settings(**{"s3_endpoint_url": sink.endpoint, **KEYS, **QUICK, **settings}))
            dispatcher = CallbackDispatcher([Subscription("s3", callback)])
            dispatcher.start()
            for record in records:
                dispatcher.put(record)
            await dispatcher.aclose()
            return sink.objects

    return asyncio.run(main())


def numbered(count):
    return [replace(sample_record("success"), id=f"c{i}", started_at=1_800_000_000.5) for i in range(count)]


def test_lines():
    [(key, body)] = put(*numbered(3), s3_path="/gateway/").items()
    assert key.startswith("/logs/gateway/2027-01-15/08-00-00-500000_3_")
    assert key.endswith(".jsonl.gz")
    lines = gzip.decompress(body).splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["c0", "c1", "c2"]
    [(key, body)] = put(*numbered(2), s3_gzip=False).items()
    assert key.endswith(".jsonl")
    assert len(body.splitlines()) == 2


def test_an_object_a_call():
    team = replace(sample_record("success").principal, team_id="team/../x")
    record = replace(numbered(1)[0], id="../../etc/passwd", principal=team)
    [(key, body)] = put(record, s3_format="json", s3_use_team_prefix=True).items()
    assert key == "/logs/team_.._x/2027-01-15/08-00-00-500000_" + "_.._etc_passwd.json"
    assert json.loads(body)["id"] == "../../etc/passwd"


def test_parquet():
    parquet = pytest.importorskip("pyarrow.parquet")
    records = odd_records() + numbered(2)
    [(key, body)] = put(*records, s3_format="parquet").items()
    assert key.endswith(".parquet")
    table = parquet.read_table(io.BytesIO(body))
    assert table.num_rows == len(records)
    assert json.loads(table["payload"][-1].as_py())["id"] == "c1"


def test_the_same_calls_make_the_same_object():
    settings = S3Settings(s3_bucket_name="b")
    first, second = objects_of(numbered(5), settings), objects_of(numbered(5), settings)
    assert first == second
    assert objects_of(numbered(4), settings)[0].key != first[0].key


def test_where_buckets_are():
    def base(**values):
        return Bucket(S3Settings(**{"s3_bucket_name": "logs", "s3_region_name": "eu-west-1", **values}))._base

    assert base() == "https://logs.s3.eu-west-1.amazonaws.com"
    assert base(s3_bucket_name="a.b") == "https://s3.eu-west-1.amazonaws.com/a.b"
    assert base(s3_endpoint_url="http://minio:9000/") == "http://minio:9000/logs"


def test_settings_of_the_reference_go_together():
    params = {"s3_bucket_name": "logs", "s3_path": "p", "s3_api_version": None, "s3_use_ssl": True}
    settings = S3Settings(s3_callback_params=params, s3_path="own")
    assert (settings.s3_bucket_name, settings.s3_path) == ("logs", "own")


def test_credentials_of_the_machine(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAKIT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert len(put(*numbered(1), s3_aws_access_key_id=None, s3_aws_secret_access_key=None)) == 1


def test_no_setting_shows_its_secrets():
    settings = S3Settings(s3_bucket_name="b", s3_callback_params={"s3_aws_secret_access_key": SECRET})
    assert SECRET not in repr(settings) + repr(S3(settings)) + repr(Bucket(settings))
