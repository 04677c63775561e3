"""OpenAI's own models, wherever they are hosted: which parameters which of them take.

The families come from OpenAI's model pages and API reference; the first whose pattern fits counts. A name that fits
none (fine-tunes, other people's models behind `api_base`) is treated like gpt-4o.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from tianji_core.api.errors import UnsupportedParamsError
from tianji_core.api.provider import Body, Feature, ModelRequest, Operation
from tianji_core.openai_compat.provider import OpenAICompatible

THINKING = frozenset({"reasoning_effort", "verbosity"})
SAMPLING = frozenset({"temperature", "top_p", "logprobs", "top_logprobs"})
PENALTIES = frozenset({"presence_penalty", "frequency_penalty"})
SPOKEN = frozenset({"modalities", "audio", "prediction"})


@dataclass(frozen=True)
class Family:
    """Models with the same rules.

    `lacks` names parameters that are never taken. `thinks`: `max_tokens` is called `max_completion_tokens`, and the
    parameters in `calm` are taken only with their neutral value, unless the effort is "none". `effort` is what the
    model does if the request does not say. `system` is the role that takes the place of `system`. `only_responses`:
    there is no chat, only the Responses API (see `by_responses`).
    """

    pattern: str
    lacks: frozenset[str] = THINKING
    thinks: bool = False
    calm: frozenset[str] = frozenset()
    effort: str = ""
    system: str = "system"
    only_responses: bool = False


FAMILIES = (
    Family(r".*-search(-|$)", lacks=THINKING | SAMPLING | PENALTIES | SPOKEN | {"n", "logit_bias"}),
    Family(r"(gpt-4o(-mini)?-audio|gpt-audio)", lacks=THINKING | {"web_search_options", "prediction"}),
    Family(r"gpt-\d[\d.]*-chat"),
    Family(
        r"gpt-(5\.[1-9]|[6-9]|\d\d)",
        lacks=PENALTIES | SPOKEN | {"stop", "logit_bias", "web_search_options"},
        thinks=True,
        calm=SAMPLING,
        effort="none",
        system="developer",
    ),
    Family(
        r"gpt-5",
        lacks=PENALTIES | SPOKEN | {"stop", "logit_bias", "web_search_options", "top_p", "logprobs", "top_logprobs"},
        thinks=True,
        calm=frozenset({"temperature"}),
        effort="medium",
        system="developer",
    ),
    Family(
        r"o1-(mini|preview)",
        lacks=PENALTIES | {"verbosity", "top_p", "logprobs", "top_logprobs", "reasoning_effort"},
        thinks=True,
        calm=frozenset({"temperature"}),
        effort="medium",
        system="user",
    ),
    Family(
        r"o\d|codex-mini",
        lacks=PENALTIES | {"verbosity", "top_p", "logprobs", "top_logprobs"},
        thinks=True,
        calm=frozenset({"temperature"}),
        effort="medium",
        system="developer",
    ),
)
OTHER = Family("")
ONLY_RESPONSES = re.compile(r"(gpt-\d[\d.]*|o\d)-pro(-|$)|gpt-\d.*-codex|codex-|.*-deep-research(-|$)|computer-use-")
"""Models without chat; otherwise their family's rules are theirs."""
NEUTRAL = {"temperature": 1, "top_p": 1, "logprobs": False, "top_logprobs": 0}


@lru_cache(maxsize=1024)
def family_of(model: str) -> Family:
    """The rules for a model; `ft:` and a path in front of the name do not matter."""
    name = model.rpartition("/")[2].removeprefix("ft:").lower()
    family = next((family for family in FAMILIES if re.match(family.pattern, name)), OTHER)
    return replace(family, only_responses=True) if ONLY_RESPONSES.match(name) else family


class OpenAIModels(OpenAICompatible):
    """The base of those who host OpenAI's models."""

    def family(self, model: str) -> Family:
        """The rules for what this host calls `model`."""
        return family_of(model)

    def supported_params(self, model: str, operation: Operation) -> frozenset[str] | None:
        supported = super().supported_params(model, operation)
        if operation != "chat" or supported is None:
            return supported
        return supported - self.family(model).lacks

    def features(self, model: str) -> frozenset[Feature]:
        return self.capabilities.features if "audio" in model else self.capabilities.features - {"audio"}

    def system_role(self, model: str) -> str | None:
        return self.family(model).system

    def adjust_body(self, request: ModelRequest) -> None:
        if request.operation == "chat":
            drop = request.drop_params or self.settings.modify_params
            adjust_params(request.body, self.family(request.model), drop=drop, provider=self.name)


def adjust_params(body: Body, family: Family, *, drop: bool, provider: str) -> None:
    """Say in place what the family's models understand.

    Raises UnsupportedParamsError for a value that they do not take, unless it is to be dropped.
    """
    if "tool_choice" in body and not body.get("tools"):
        del body["tool_choice"]  # an error at OpenAI, and it means nothing
    if not family.thinks:
        return
    limit = body.pop("max_tokens", None)
    if limit is not None:
        body.setdefault("max_completion_tokens", limit)
    if (body.get("reasoning_effort") or family.effort) == "none":
        return
    for name in sorted(family.calm & body.keys()):
        if body[name] is None or body[name] == NEUTRAL[name]:
            continue
        if not drop:
            raise UnsupportedParamsError(
                f"{body.get('model')} takes {name} only as {NEUTRAL[name]}. To drop other values set "
                "`drop_params: true` in litellm_settings or litellm_params.",
                param=name,
                provider=provider,
            )
        del body[name]
