"""What is known of a model from its name."""

from __future__ import annotations

import pytest

from tianji_provider_bedrock.models import parse_model, traits

PROFILE = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
OPAQUE = "arn:aws:bedrock:us-east-2:123456789012:application-inference-profile/abcd1234"
IMPORTED = "arn:aws:bedrock:us-east-1:123456789012:custom-model-deployment/abc"


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("anthropic.claude-v2:1", ("anthropic.claude-v2:1", "anthropic.claude-v2:1", None, "converse")),
        ("us.amazon.nova-pro-v1:0", ("us.amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0", None, "converse")),
        ("us-gov.anthropic.claude-x", ("us-gov.anthropic.claude-x", "anthropic.claude-x", None, "converse")),
        ("global.anthropic.claude-x", ("global.anthropic.claude-x", "anthropic.claude-x", None, "converse")),
        ("converse/amazon.nova-lite-v1:0", ("amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0", None, "converse")),
        ("invoke/us.anthropic.claude-x", ("us.anthropic.claude-x", "anthropic.claude-x", None, "invoke")),
        ("us-gov-west-1/anthropic.claude-x", ("anthropic.claude-x", "anthropic.claude-x", "us-gov-west-1", "converse")),
        (
            "invoke/ap-northeast-1/1-month-commitment/anthropic.claude-x",
            ("anthropic.claude-x", "anthropic.claude-x", "ap-northeast-1", "invoke"),
        ),
        (PROFILE, (PROFILE, "anthropic.claude-sonnet-4-5-20250929-v1:0", "eu-west-1", "converse")),
        (f"converse/{OPAQUE}", (OPAQUE, "", "us-east-2", "converse")),
        (f"nova/{IMPORTED}", (IMPORTED, "amazon.nova", "us-east-1", "converse")),
        ("odd/name", ("odd/name", "odd/name", None, "converse")),
        ("arn:", ("arn:", "", None, "converse")),
    ],
)
def test_names_are_taken_apart(model: str, found: tuple[str, str, str | None, str]) -> None:
    target = parse_model(model)
    assert (target.id, target.name, target.region, target.route) == found


def test_other_apis_are_told() -> None:
    assert parse_model("agent/ABC/DEF").api == "agent"
    assert parse_model("openai/arn:aws:bedrock:us-east-1:1:imported-model/x").api == "openai"


@pytest.mark.parametrize(
    ("name", "reasoning", "native", "caches", "serial"),
    [
        ("anthropic.claude-3-5-sonnet-20240620-v1:0", "none", False, False, False),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", "none", False, True, False),
        ("anthropic.claude-3-5-haiku-20241022-v1:0", "none", False, True, False),
        ("anthropic.claude-3-7-sonnet-20250219-v1:0", "claude", False, True, False),
        ("anthropic.claude-opus-4-1-20250805-v1:0", "claude", False, True, False),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "claude", True, True, True),
        ("anthropic.claude-opus-4-6-v1:0", "claude", True, True, True),
        ("amazon.nova-pro-v1:0", "none", False, True, False),
        ("amazon.nova-2-lite-v1:0", "nova", False, True, False),
        ("openai.gpt-oss-120b-1:0", "effort", True, False, False),
        ("openai.gpt-5", "nested_effort", False, False, False),
        ("deepseek.r1-v1:0", "none", False, False, False),
        ("deepseek.v3-v1:0", "effort", True, False, False),
        ("meta.llama3-3-70b-instruct-v1:0", "none", False, False, False),
        ("", "none", False, True, False),
    ],
)
def test_what_models_can_do(name: str, reasoning: str, native: bool, caches: bool, serial: bool) -> None:
    found = traits(name)
    assert (found.reasoning, found.native_schema, found.caches, found.serial_tools) == (
        reasoning,
        native,
        caches,
        serial,
    )
