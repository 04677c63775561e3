"""What the reference gateway did with the same request, and what this provider does.

Set TIANJI_GOLDEN to the folder of recorded cases (one JSON file each: config, request, upstream, expect). Only what a
provider decides is compared: parameters, the request, the answer, the chunks of a stream put together, the error.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from tianji_core.api.errors import BadRequestError, GatewayError, UnsupportedParamsError
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.api.provider import ModelRequest
from tianji_core.translate.chunks import merge_chunks
from tianji_core.wire.openai import CHAT_PARAMS
from tianji_provider_anthropic import AnthropicProvider, AnthropicSettings

UPSTREAM = "http://127.0.0.1:9450"
ABSENT = "<absent>"


@dataclass(frozen=True)
class Accepted:
    """A difference that stays, with the reason. `theirs` and `ours` are values, or None for any."""

    path: str
    reason: str
    theirs: Any = None
    ours: Any = None

    def covers(self, path: str, theirs: Any, ours: Any) -> bool:
        return (
            fnmatchcase(path, self.path)
            and (self.theirs is None or self.theirs == theirs)
            and (self.ours is None or self.ours == ours)
        )


ACCEPTED = (
    Accepted("answer.id", "the vendor's id helps when something has to be asked of the vendor"),
    Accepted("answer.created", "a provider has no clock; the core sets the time"),
    Accepted("answer.model", "the core puts the caller's name there"),
    Accepted(
        "answer.choices.0.message.tool_calls.*.index",
        "OpenAI counts calls; the reference counts content blocks, but only without streaming",
    ),
    Accepted(
        "answer.choices.0.finish_reason",
        "an answer cut off where the context window ends is not a finished one",
        theirs="stop",
        ours="length",
    ),
    Accepted(
        "answer.choices.0.message.provider_specific_fields.stop_reason",
        "the vendor's own word where OpenAI's says less: a paused turn can be taken up again",
        theirs=ABSENT,
    ),
    Accepted("error.http_status", "529 is Anthropic's word for overload and is kept", theirs=500, ours=529),
    Accepted("error.http_status", "an answer that is no JSON is the vendor's failure", theirs=500, ours=502),
    Accepted("error.http_status", "413 is kept: the request was too large, not malformed", theirs=400, ours=413),
    Accepted("usage.cost", "prices are the core's business", ours=ABSENT),
)


def golden_cases() -> list[Any]:
    folder = os.environ.get("TIANJI_GOLDEN")
    if not folder:
        return [pytest.param(None, marks=pytest.mark.skip(reason="TIANJI_GOLDEN is not set"), id="none")]
    root = Path(folder, "cases")
    files = sorted(root.glob("anthropic/*.json"))
    cases = [(p.relative_to(root).with_suffix("").as_posix(), json.loads(p.read_text())) for p in files]
    return [pytest.param(case, id=name) for name, case in cases if speaks_chat_to_anthropic(case)]


def speaks_chat_to_anthropic(case: dict[str, Any]) -> bool:
    """Chat completions over this provider; a case of several requests is about the gateway."""
    rows = case["config"].get("model_list") or [{}]
    return (
        isinstance(case["request"], dict)
        and case["request"].get("path") == "/v1/chat/completions"
        and str(rows[0].get("litellm_params", {}).get("model")).startswith("anthropic/")
    )


@pytest.mark.parametrize("case", golden_cases())
def test_the_provider_does_what_the_reference_did(case: dict[str, Any]) -> None:
    case = json.loads(json.dumps(case).replace("{UPSTREAM}", UPSTREAM))
    params = case["config"]["model_list"][0]["litellm_params"]
    modify = case["config"].get("litellm_settings", {}).get("modify_params", False)
    model = params["model"].removeprefix("anthropic/")
    provider = AnthropicProvider(
        AnthropicSettings.model_validate({"modify_params": modify, **params, "model": model, "environ": {}})
    )
    body = {**case["request"]["body"], "model": model}
    request = ModelRequest("chat", model, body, body.get("stream") is True)
    expected = case["expect"]
    supported = provider.supported_params(model, "chat")
    assert supported is not None
    if refused := (CHAT_PARAMS - supported).intersection(body):
        assert expected["response"]["status"] == 400, f"{refused} are refused here and not by the reference"
        assert not expected["upstream_requests"]
        return
    if expected["response"]["status"] == 400 and not expected["upstream_requests"]:
        with pytest.raises(UnsupportedParamsError):
            provider.build_request(request)
        return
    sent = [r for r in expected["upstream_requests"] if r["method"] == "POST"]
    if len(sent) != len(expected["upstream_requests"]):
        # The reference fetched a picture over http: a provider has no network, and the vendor wants https.
        with pytest.raises(BadRequestError, match="https"):
            provider.build_request(request)
        return
    built = provider.build_request(request)
    assert built.url == UPSTREAM + sent[0]["path"]
    check(differences("headers", sent[0]["headers"], dict(built.headers)))
    assert isinstance(built.body, bytes)
    check(differences("request", sent[0]["body"], json.loads(built.body)))
    check(compare_answer(provider, request, case["upstream"][0], expected["response"]))


def compare_answer(
    provider: AnthropicProvider, request: ModelRequest, upstream: dict[str, Any], expected: dict[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    data = answer_bytes(upstream)
    headers = Headers((upstream.get("headers") or {}).items())
    if upstream.get("status", 200) >= 400:
        yield from compare_error(provider.parse_error(upstream["status"], headers, data), expected["body"]["error"])
    elif request.stream:
        yield from compare_stream(provider, request, data, expected["events"])
    elif expected["status"] >= 400:
        with pytest.raises(GatewayError) as caught:
            provider.parse_response(request, UpstreamReply(200, headers, data))
        yield from compare_error(caught.value, expected["body"]["error"])
    else:
        answer = provider.parse_response(request, UpstreamReply(200, headers, data))
        yield from differences("answer", expected["body"], answer)


def compare_stream(
    provider: AnthropicProvider, request: ModelRequest, data: bytes, events: list[dict[str, Any]]
) -> Iterator[tuple[str, Any, Any]]:
    """What a client has in hand after either stream; how it was cut into chunks matters to nobody."""
    decoder = provider.stream_decoder(request)
    ours = merge_chunks([*decoder.feed(data), *decoder.finish()])
    values = [event["data"] for event in events]
    failed = [value["error"] for value in values if isinstance(value, dict) and "error" in value]
    theirs = merge_chunks(value for value in values if isinstance(value, dict) and "choices" in value)
    for merged in (ours, theirs):
        merged["choices"][0]["message"].pop("provider_specific_fields", None)
    yield from differences("choices", theirs["choices"], ours["choices"])
    if "usage" in theirs:
        yield from differences("usage", theirs["usage"], ours["usage"])
    assert decoder.complete == (not failed)
    if decoder.error is not None:
        yield from compare_error(decoder.error, failed[0])
    citations = [citation for value in values for citation in _citations(value)]
    decoder = provider.stream_decoder(request)
    assert [c for chunk in [*decoder.feed(data)] for c in _citations(chunk)] == citations


def _citations(chunk: Any) -> Iterator[Any]:
    for choice in chunk.get("choices", ()) if isinstance(chunk, dict) else ():
        fields = choice["delta"].get("provider_specific_fields") or {}
        if "citation" in fields:
            yield fields["citation"]


def compare_error(error: GatewayError, expected: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    yield from differences("error.http_status", int(expected["code"]), error.http_status)
    yield from differences("error.type", expected["type"], error.error_type)


def answer_bytes(upstream: dict[str, Any]) -> bytes:
    if "sse" in upstream:
        return "".join(upstream["sse"]).encode()
    if "text" in upstream:
        return str(upstream["text"]).encode()
    return json.dumps(upstream["body"]).encode()


def differences(path: str, theirs: Any, ours: Any) -> Iterator[tuple[str, Any, Any]]:
    """Paths at which two JSON values differ; JSON in strings is compared by value."""
    if isinstance(theirs, str) and isinstance(ours, str):
        theirs, ours = parsed(theirs), parsed(ours)
    if isinstance(theirs, list) and isinstance(ours, list):
        theirs, ours = dict(enumerate(theirs)), dict(enumerate(ours))
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in [*theirs, *(key for key in ours if key not in theirs)]:
            yield from differences(f"{path}.{key}", theirs.get(key, ABSENT), ours.get(key, ABSENT))
    elif theirs != ours:
        yield path, theirs, ours


def parsed(text: str) -> Any:
    try:
        return json.loads(text) if text[:1] in "{[" else text
    except ValueError:
        return text


def check(found: Iterator[tuple[str, Any, Any]]) -> None:
    left = [
        f"{path}: reference {theirs!r}, here {ours!r}"
        for path, theirs, ours in found
        if not any(accepted.covers(path, theirs, ours) for accepted in ACCEPTED)
    ]
    assert not left, "\n".join(left)
