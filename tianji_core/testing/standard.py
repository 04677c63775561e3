"""What all conformance kits share: standard tests that nobody loses without saying why, and sample values.

A kit is a class of tests (`class RoutingStrategyConformance(Conformance, kit=True)`); a plugin's test module
subclasses it. Each `test_…` of a kit is a standard test. A subclass may add tests and may replace one, but only openly:

    class TestAcme(ProviderConformance):
        @overrides_standard_test("Acme answers 200 to everything; see acme.example/errors")
        def test_…(self): ...

Anything else (a replaced test, `test_… = None`, a mixin in front, a test deleted later) fails: when the class is made,
and once more as a test, so that no later tinkering goes unseen.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

from tianji_core.api.call import ANONYMOUS, Principal
from tianji_core.api.callback import AttemptRecord, CallRecord, ErrorRecord, GuardrailRun
from tianji_core.api.provider import Body, Operation

_REASON = "__tianji_override_reason__"
F = TypeVar("F", bound=Callable[..., Any])


def overrides_standard_test(reason: str) -> Callable[[F], F]:
    """Marks a method that replaces a standard test on purpose. Raises ValueError if no reason is given."""
    if not reason.strip():
        raise ValueError("overrides_standard_test needs a reason: what is different about this plugin?")

    def mark(function: F) -> F:
        setattr(function, _REASON, reason)
        return function

    return mark


class Conformance:
    """Base of the kits. A subclass with `kit=True` defines standard tests; one without is a plugin's."""

    standard_tests: ClassVar[dict[str, Any]] = {}
    """The standard tests of the kit: name and function, as the kit defines them."""

    def __init_subclass__(cls, *, kit: bool = False, **kwargs: Any) -> None:
        """Raises TypeError if a plugin's class replaces or removes a standard test without a reason."""
        super().__init_subclass__(**kwargs)
        if kit:
            own = {name: value for name, value in vars(cls).items() if name.startswith("test_")}
            cls.standard_tests = {**_standard_tests(cls), **own}
        elif faults := override_faults(cls):
            raise TypeError("\n".join(faults))

    def test_no_standard_test_is_replaced_or_removed_without_a_reason(self) -> None:
        faults = override_faults(type(self))
        assert not faults, "\n".join(faults)


Conformance.standard_tests = {name: value for name, value in vars(Conformance).items() if name.startswith("test_")}


def override_faults(cls: type[Conformance]) -> list[str]:
    """One sentence for each standard test that `cls` replaces or removes without a reason."""
    faults = []
    for name, standard in _standard_tests(cls).items():
        found = inspect.getattr_static(cls, name, None)
        if found is standard or getattr(found, _REASON, None):
            continue
        done = "replaces" if callable(found) else "removes"
        faults.append(
            f'{cls.__name__} {done} the standard test {name}; if that is meant, say why: @overrides_standard_test("…")'
        )
    return faults


def override_reasons(cls: type[Conformance]) -> dict[str, str]:
    """The standard tests that `cls` replaces openly, each with its reason."""
    found = {name: getattr(cls, name, None) for name in _standard_tests(cls)}
    return {name: reason for name, value in found.items() if (reason := getattr(value, _REASON, None))}


def _standard_tests(cls: type[Conformance]) -> dict[str, Any]:
    """All standard tests of every kit that `cls` descends from; the most derived kit's version counts."""
    tests: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        tests.update(vars(base).get("standard_tests", {}))
    return tests


@dataclass(slots=True)
class SampleCall:
    """A `CallView` made of plain values, for tests of what gets to see calls."""

    id: str = "call-1"
    operation: Operation = "chat"
    model: str = "gpt-sample"
    body: Body = field(default_factory=lambda: {"model": "gpt-sample", "messages": [{"role": "user", "content": "Hi"}]})
    stream: bool = False
    principal: Principal = ANONYMOUS
    tags: tuple[str, ...] = ()


CONTENT_CANARY = "kit-canary-8c1f-content"
"""A piece of every sample record's prompt and answer."""


def sample_record(kind: str) -> CallRecord:
    """A finished call: "success", "failure" or "stream". All three are as full as records get."""
    success = CallRecord(
        id=f"call-{kind}",
        operation="chat",
        dialect="openai",
        route="/v1/chat/completions",
        outcome="success",
        stream=False,
        model="gpt-sample",
        model_group="gpt-sample",
        upstream_model="vendor-model",
        deployment_id="d-1",
        provider="echo",
        api_base="https://api.example.test/v1",
        started_at=1_700_000_000.0,
        first_chunk_at=None,
        ended_at=1_700_000_001.5,
        usage={"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
        principal=Principal(key_hash="ab" * 32, key_alias="kit", user_id="u-1", team_id="t-1", organization_id="o-1"),
        end_user="end-user-1",
        tags=("a", "b"),
        metadata={"trace_id": "trace-1", "nested": {"list": [1, None, True]}},
        client="192.0.2.7",
        user_agent="kit/1",
        attempts=(AttemptRecord("d-1", "echo", "vendor-model", 200, None, 1_700_000_000.1, 1.3),),
        guardrails=("guard-1",),
        guardrail_runs=(GuardrailRun("guard-1", "prompt_injection", "pre_call", "success", 1_700_000_000.0, 0.002),),
        request={"model": "gpt-sample", "messages": [{"role": "user", "content": CONTENT_CANARY}], "temperature": 0.5},
        response={"id": "r-1", "choices": [{"index": 0, "message": {"role": "assistant", "content": CONTENT_CANARY}}]},
    )
    if kind == "stream":
        return replace(success, stream=True, first_chunk_at=1_700_000_000.4)
    if kind == "failure":
        failed = AttemptRecord("d-1", "echo", "vendor-model", 503, "ServiceUnavailableError", 1_700_000_000.1, 0.2)
        return replace(
            success,
            outcome="failure",
            usage=None,
            response=None,
            attempts=(failed, failed._replace(status=None, error="APIConnectionError")),
            fallbacks=1,
            error=ErrorRecord("ServiceUnavailableError", 503, "The vendor is overloaded", "echo"),
        )
    return success


def odd_records() -> list[CallRecord]:
    """Records that are unusual and legal: hardly filled, refused before any attempt, with odd content."""
    full, failed = sample_record("success"), sample_record("failure")
    unknown: dict[str, Any] = dict.fromkeys(
        ("model_group", "upstream_model", "deployment_id", "provider", "api_base", "client", "user_agent", "end_user")
    )
    deep: dict[str, Any] = {}
    for _ in range(400):
        deep = {"deep": deep}
    odd = [
        replace(
            failed, attempts=(), guardrails=(), request=None, principal=Principal(), metadata={}, tags=(), **unknown
        ),
        replace(
            full, operation="embeddings", usage={"prompt_tokens": 5, "total_tokens": 5}, request={"input": ["a", "b"]}
        ),
        replace(full, usage={}, ended_at=full.started_at),
        replace(full, request={"messages": [{"role": "user", "content": "中文 💥 \x00 \u202e é"}]}),
        replace(full, request={"messages": [{"role": "user", "content": "\ud800 half a character"}]}),
        replace(full, metadata={"huge": 10**30, "nan": float("nan"), "object": object(), "set": {1}}),
        replace(full, request={"messages": "no list", "tools": 7}, response={"choices": None}),
        replace(full, request=deep, metadata=deep),
        replace(full, request={"messages": [{"role": "user", "content": "x" * 1_000_000}]}),
    ]
    return [replace(record, id=f"odd-{number}") for number, record in enumerate(odd)]
