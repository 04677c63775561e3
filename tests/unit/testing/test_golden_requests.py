"""What the openai and groq providers send, beside what the reference gateway sent for the same requests.

Needs the golden cases: TIANJI_GOLDEN names their folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from tianji_core.api.errors import UnsupportedParamsError
from tianji_core.api.provider import ModelRequest, Operation, Provider, ProviderSettings
from tianji_core.discovery import Registry
from tianji_core.translate.completions import completions_to_chat
from tianji_core.wire.openai import PARAMS

GOLDEN = os.environ.get("TIANJI_GOLDEN", "")
OPERATIONS: dict[str, Operation] = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "completions",
    "/v1/embeddings": "embeddings",
}
UPSTREAM = "http://127.0.0.1:9450"
OPENAI_PARAMS = frozenset().union(*PARAMS.values())


def no_stream_flag(body: Any) -> None:
    if body.get("stream") is False:
        del body["stream"]


def groq_lacks(body: Any) -> None:
    for name in ("logprobs", "top_logprobs", "logit_bias", "n"):
        body.pop(name, None)
    body["user"] = "user-42"


def developer(body: Any) -> None:
    for message in body["messages"]:
        if message["content"] == "You are terse.":
            message["role"] = "developer"


DIFFERENCES: tuple[tuple[str, Callable[[Any], None], str], ...] = (
    ("groq/*", no_stream_flag, "the reference writes `stream: false` out, which is what its absence means"),
    ("groq/sampling-all-dropped", groq_lacks, "Groq answers 400 to what it lacks, and it does have `user`"),
    ("openai/o-series-max-tokens", developer, "a system message is an instruction, not something the user said"),
)
"""Where we mean to differ: the case, what our body has otherwise than the recorded one, and why."""


def cases() -> list[Any]:
    found = []
    for provider in ("openai", "groq"):
        for path in sorted(Path(GOLDEN, "cases", provider).glob("*.json")):
            case = json.loads(path.read_text())
            request = case["request"]
            if isinstance(request, dict) and request["path"] in OPERATIONS and "body" in request:
                found.append(pytest.param(case, f"{provider}/{path.stem}", id=f"{provider}/{path.stem}"))
    return found


def provider_of(params: dict[str, Any]) -> tuple[Provider, str]:
    name, _, model = params["model"].partition("/")
    registry = Registry.scan()
    if name not in registry.names("provider"):  # not installed here: take it from where it lies
        module = pytest.importorskip(f"tianji_provider_{name.rpartition('-')[2]}")
        registry.include(module)
    registered = registry.load("provider", name)
    settings = (registered.settings or ProviderSettings).model_validate(
        {**params, "model": model, "api_base": params["api_base"].format(UPSTREAM=UPSTREAM)}
    )
    made = registered.factory(settings)
    assert isinstance(made, Provider)
    return made, model


def normal_form(case: Any, provider: Provider, model: str) -> ModelRequest:
    """The request as the gateway hands it to the provider. Raises UnsupportedParamsError."""
    asked, params = case["request"], case["config"]["model_list"][0]["litellm_params"]
    operation = OPERATIONS[asked["path"]]
    body = {k: v for k, v in asked["body"].items() if k not in ("metadata", "extra_body")}
    body |= {**asked["body"].get("extra_body", {}), "model": model}
    if operation not in provider.capabilities.operations:
        operation, body = "chat", completions_to_chat(body)
    supported = provider.supported_params(model, operation)
    known = {"model", "messages", "prompt", "input", "stream", "stream_options"}
    for name in [n for n in body if supported is not None and n in OPENAI_PARAMS and n not in supported | known]:
        if not params.get("drop_params"):
            raise UnsupportedParamsError(name)
        del body[name]
    if body.get("stream"):
        body["stream_options"] = {"include_usage": True}
    return ModelRequest(operation, model, body, bool(body.get("stream")))


@pytest.mark.skipif(not GOLDEN, reason="TIANJI_GOLDEN does not say where the golden cases are")
@pytest.mark.parametrize(("case", "name"), cases() if GOLDEN else [])
def test_the_vendor_gets_what_the_reference_sent(case: Any, name: str) -> None:
    params = dict(case["config"]["model_list"][0]["litellm_params"])
    provider, model = provider_of(params)
    recorded = case["expect"]["upstream_requests"]
    if not recorded:
        with pytest.raises(UnsupportedParamsError):
            provider.build_request(normal_form(case, provider, model))
        return
    built = provider.build_request(normal_form(case, provider, model))
    wanted = recorded[0]
    assert built.method == wanted["method"]
    assert built.url == UPSTREAM + wanted["path"]
    headers = dict(built.headers)
    assert {key: headers.get(key) for key in wanted["headers"]} == wanted["headers"]
    for pattern, change, _ in DIFFERENCES:
        if fnmatch(name, pattern):
            change(wanted["body"])
    assert isinstance(built.body, bytes)
    assert json.loads(built.body) == wanted["body"]
