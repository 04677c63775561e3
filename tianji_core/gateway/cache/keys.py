"""The key of an answer: a hash of everything that can change it, and of whose it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import orjson

from tianji_core.api.call import Principal
from tianji_core.api.http import Upload
from tianji_core.api.members import OWN
from tianji_core.gateway.call import Call

SharedBy = Literal["user", "team", "organization", "all"]

_IGNORED = (OWN - {"additional_drop_params", "allowed_openai_params", "drop_params"}) | {
    "model",  # the name that was asked for stands beside the body
    "safety_identifier",
    "store",
    "stream",
    "stream_options",
    "user",
}
"""Members that say who asks and how to be told, not what. All others count, also those that nobody here knows."""


def tenant(principal: Principal, shared_by: SharedBy) -> str:
    """Those who may have one another's answers."""
    if shared_by == "all":
        return "all"
    if shared_by == "organization" and principal.organization_id:
        return f"organization:{principal.organization_id}"
    if shared_by in ("team", "organization") and principal.team_id:
        return f"team:{principal.team_id}"
    return principal.owner


def request_key(call: Call, whose: str, forwarded: Sequence[bytes]) -> str:
    """The key of the answer to a whole request."""
    return hashlib.sha256(_written(_material(call, whose, forwarded))).hexdigest()


def item_keys(call: Call, whose: str, forwarded: Sequence[bytes], items: Sequence[Any]) -> list[str]:
    """The keys of the answers to the single inputs of a request for embeddings."""
    material = _material(call, whose, forwarded)
    del material["body"]["input"]
    common = hashlib.sha256(_written(material))
    found = []
    for item in items:
        single = common.copy()
        single.update(_written(item))
        found.append(single.hexdigest())
    return found


def _material(call: Call, whose: str, forwarded: Sequence[bytes]) -> dict[str, Any]:
    """What is hashed. A request that a vendor may get in the client's own dialect counts as it came: the chat that it
    would be for others does not say all of it."""
    body: Mapping[str, Any] = call.body if call.native is None else call.native
    headers = {name.decode(): call.headers[name].decode("latin-1") for name in forwarded if name in call.headers}
    return {
        "operation": call.operation,
        "dialect": None if call.native is None else call.dialect,
        "model": call.routed or call.model,
        "whose": whose,
        "headers": headers,
        "body": {name: value for name, value in body.items() if value is not None and name not in _IGNORED},
    }


def _written(value: Any) -> bytes:
    return orjson.dumps(value, _upload, orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS)


def _upload(value: Any) -> Any:
    """A file counts by its content, and by the end of its name, which tells some vendors what it is."""
    if not isinstance(value, Upload):
        raise TypeError(f"{type(value).__name__} has no place in a body")
    content = hashlib.sha256()
    for piece in value.pieces():
        content.update(piece)
    return {"sha256": content.hexdigest(), "type": value.content_type, "end": value.filename.rpartition(".")[2]}
