"""What is known of a model from its name."""

from __future__ import annotations

import pytest

from tianji_core.translate.anthropic.models import FALLBACK_MAX_TOKENS, parse_name, supported_params, traits


@pytest.mark.parametrize(
    ("name", "family", "version"),
    [
        ("claude-sonnet-4-5-20250929", "sonnet", (4, 5)),
        ("claude-sonnet-4.5", "sonnet", (4, 5)),
        ("claude-sonnet-4-5@20250929", "sonnet", (4, 5)),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "sonnet", (4, 5)),
        ("claude-opus-4-20250514", "opus", (4, 0)),
        ("claude-opus-4-0", "opus", (4, 0)),
        ("claude-opus-5", "opus", (5, 0)),
        ("claude-haiku-5-5", "haiku", (5, 5)),
        ("claude-fable-5-1", "fable", (5, 1)),
        ("claude-mythos-preview", "mythos", (5, 0)),
        ("claude-3-5-haiku-20241022", "haiku", (3, 5)),
        ("claude-3-opus-20240229", "opus", (3, 0)),
        ("claude-4-opus-20250514", "opus", (4, 0)),
        ("our-own-name", "", None),
    ],
)
def test_names_are_told_apart(name: str, family: str, version: tuple[int, int] | None) -> None:
    assert parse_name(name) == (family, version)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("claude-opus-5", 128_000),
        ("claude-sonnet-4-6", 128_000),
        ("claude-haiku-4-5", 64_000),
        ("claude-opus-4-1", 32_000),
        ("claude-3-5-haiku-20241022", FALLBACK_MAX_TOKENS),
        ("our-own-name", FALLBACK_MAX_TOKENS),
        ("claude-opus-9-1", 128_000),
    ],
)
def test_the_longest_answer(name: str, most: int) -> None:
    assert traits(name).max_tokens == most


@pytest.mark.parametrize(
    ("name", "thinking", "unasked", "schema", "inline"),
    [
        ("claude-3-5-haiku-20241022", "none", "no", "tool", False),
        ("claude-3-7-sonnet-20250219", "budget", "no", "tool", False),
        ("claude-sonnet-4-5", "budget", "no", "beta", False),
        ("claude-sonnet-4-6", "adaptive", "no", "native", False),
        ("claude-opus-4-8", "adaptive", "no", "native", True),
        ("claude-opus-5", "adaptive", "unless_disabled", "native", True),
        ("claude-sonnet-5", "adaptive", "unless_disabled", "native", False),
        ("claude-sonnet-5-5", "adaptive", "always", "native", True),
        ("claude-fable-5", "adaptive", "always", "native", True),
    ],
)
def test_what_each_generation_can_do(name: str, thinking: str, unasked: str, schema: str, inline: bool) -> None:
    found = traits(name)
    assert (found.thinking, found.thinks_unasked, found.json_schema, found.inline_system) == (
        thinking,
        unasked,
        schema,
        inline,
    )


def test_parameters_depend_on_the_model() -> None:
    assert {"temperature", "top_p", "reasoning_effort", "tools", "response_format"} <= supported_params(
        "claude-sonnet-4-5"
    )
    assert "reasoning_effort" in supported_params("claude-opus-4-7")
    assert "reasoning_effort" not in supported_params("claude-3-5-haiku-20241022")
    assert not {"n", "seed", "logprobs", "logit_bias", "presence_penalty", "frequency_penalty"} & supported_params(
        "claude-opus-5"
    )
