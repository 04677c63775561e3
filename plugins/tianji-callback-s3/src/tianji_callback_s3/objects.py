"""Calls as objects: their keys and their content."""

from __future__ import annotations

import gzip
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple

from tianji_callback_s3.settings import S3Settings
from tianji_core.api.callback import CallRecord
from tianji_core.api.standard_json import any_json, standard_json
from tianji_core.api.standard_payload import standard_payload

_COLUMNS = (
    "id", "call_type", "status", "model", "model_group", "model_id", "custom_llm_provider", "end_user", "error_str",
)  # fmt: skip
_NUMBERS = ("startTime", "endTime", "response_time", "response_cost")
_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


class Object(NamedTuple):
    """What is put into the bucket."""

    key: str
    body: bytes
    content_type: str
    encoding: str | None = None


def objects_of(records: Sequence[CallRecord], settings: S3Settings) -> list[Object]:
    """The objects of some calls. The same calls make the same keys: what is put once more takes its own place."""
    if settings.s3_format == "json":
        return [_single(record, settings) for record in records]
    first = records[0]
    digest = blake2b("\n".join(record.id for record in records).encode("utf-8", "replace"), digest_size=8).hexdigest()
    stem = f"{_day(first)}/{_time(first)}_{len(records)}_{digest}"
    if settings.s3_format == "parquet":
        return [Object(_key(settings, f"{stem}.parquet"), _parquet(records), "application/vnd.apache.parquet")]
    lines = b"\n".join(map(standard_json, records)) + b"\n"
    if settings.s3_gzip:
        return [
            Object(_key(settings, f"{stem}.jsonl.gz"), gzip.compress(lines, 6, mtime=0), "application/x-ndjson", "gzip")
        ]
    return [Object(_key(settings, f"{stem}.jsonl"), lines, "application/x-ndjson")]


def _single(record: CallRecord, settings: S3Settings) -> Object:
    team = record.principal.team_id if settings.s3_use_team_prefix else None
    name = f"{_day(record)}/{_time(record)}_{_safe(record.id)}.json"
    return Object(_key(settings, f"{_safe(team)}/{name}" if team else name), standard_json(record), "application/json")


def _key(settings: S3Settings, name: str) -> str:
    prefix = settings.s3_path.strip("/")
    return f"{prefix}/{name}" if prefix else name


def _day(record: CallRecord) -> str:
    return datetime.fromtimestamp(record.started_at, UTC).strftime("%Y-%m-%d")


def _time(record: CallRecord) -> str:
    return datetime.fromtimestamp(record.started_at, UTC).strftime("%H-%M-%S-%f")


def _safe(text: str) -> str:
    """A text as a part of a key: what may be a client's must not climb out of its folder."""
    return "".join(c if c.isalnum() or c in "-_.:" else "_" for c in text).lstrip(".")[:200] or "_"


def _parquet(records: Sequence[CallRecord]) -> bytes:
    """Columns of what is asked for most, and the whole payload as JSON."""
    import pyarrow
    import pyarrow.parquet

    payloads = [standard_payload(record) for record in records]
    columns: dict[str, Any] = {name: pyarrow.array([_text(p[name]) for p in payloads], "string") for name in _COLUMNS}
    columns.update({name: pyarrow.array([p[name] for p in payloads], "float64") for name in _NUMBERS})
    columns.update({name: pyarrow.array([p[name] for p in payloads], "int64") for name in _COUNTS})
    columns["request_tags"] = pyarrow.array(
        [list(map(_text, p["request_tags"])) for p in payloads], pyarrow.list_(pyarrow.string())
    )
    columns["user_api_key_hash"] = pyarrow.array(
        [_text(p["metadata"]["user_api_key_hash"]) for p in payloads], "string"
    )
    columns["payload"] = pyarrow.array([standard_json(record).decode() for record in records], "string")
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), file, compression="zstd")
    return file.getvalue()


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else any_json(value).decode()
    return text.encode("utf-8", "replace").decode()
