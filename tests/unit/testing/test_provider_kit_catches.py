"""The provider kit fails for providers that are wrong: each is wrong in one way, and one standard test says so."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest

from tianji_core.api.errors import GatewayError, InternalServerError
from tianji_core.api.http import Headers, UpstreamReply, UpstreamRequest
from tianji_core.api.provider import Body, Capabilities, ModelRequest, Provider, StreamDecoder
from tianji_core.openai_compat import OpenAICompatible, OpenAIStreamDecoder
from tianji_core.testing import ProviderConformance
from tianji_core.testing.corpus import BY_NAME, CHAT


class Good(OpenAICompatible):
    name = "good"
    default_base = "https://api.good.example/v1"
    api_key_env = ("GOOD_API_KEY",)
    api_base_env = ("GOOD_API_BASE",)


class WrongPath(Good):
    default_base = "https://api.good.example/v2"


class ReadsTheEnvironment(Good):
    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self._headers = [("authorization", f"Bearer {os.environ.get('GOOD_API_KEY') or self.api_key}")]


class ShowsItsKey(Good):
    def __repr__(self) -> str:
        return f"Good({self.api_key})"


class KeyInTheUrl(Good):
    def build_request(self, request: ModelRequest) -> UpstreamRequest:
        built = super().build_request(request)
        built.url += f"?key={self.api_key}"
        return built


class LineEndInAHeader(Good):
    def headers(self) -> list[tuple[str, str]]:
        return [*super().headers(), ("x-note", "a\r\nb")]


class IgnoresApiBase(Good):
    def url(self, operation: Any) -> str:
        return f"https://api.good.example/v1/{operation}"


class LosesOwnMembers(Good):
    def adjust_body(self, request: ModelRequest) -> None:
        request.body.pop("kit_flag", None)


class ChangesMessages(Good):
    def adjust_body(self, request: ModelRequest) -> None:
        for message in request.body.get("messages", ()):
            message["name"] = "x"


class Remembers(Good):
    count = 0

    def adjust_body(self, request: ModelRequest) -> None:
        self.count += 1
        request.body["count"] = self.count


class UsesTheNetwork(Good):
    def adjust_body(self, request: ModelRequest) -> None:
        socket.create_connection(("127.0.0.1", 9))


class ClaimsTooMuch(Good):
    def adjust_body(self, request: ModelRequest) -> None:
        request.body.pop("seed", None)


class KeepsQuietAboutReasoning(Good):
    capabilities = Capabilities(Good.capabilities.operations, Good.capabilities.features - {"reasoning"})


class OneErrorForAll(Good):
    def parse_error(self, status: int, headers: Headers, body: bytes) -> GatewayError:
        return InternalServerError("failed", provider=self.name)


class TrustsErrorBodies(Good):
    def parse_error(self, status: int, headers: Headers, body: bytes) -> GatewayError:
        super().parse_error(status, headers, body)
        return InternalServerError(body.decode())


class AddsUpWrong(Good):
    def patch_response(self, body: Body) -> None:
        body["usage"]["total_tokens"] += 1


class OddReason(Good):
    def patch_response(self, body: Body) -> None:
        for choice in body.get("choices", ()):
            choice["finish_reason"] = "end_turn"


class TakesAnything(Good):
    def parse_response(self, request: ModelRequest, reply: UpstreamReply) -> Body:
        return {"choices": []}


class Splits(OpenAIStreamDecoder):
    """Takes each piece for whole events."""

    def feed(self, data: bytes) -> list[Body]:
        return super().feed(data) + super().finish()


class Hasty(OpenAIStreamDecoder):
    def feed(self, data: bytes) -> list[Body]:
        chunks = super().feed(data)
        self.complete = self.complete or bool(chunks)
        return chunks


class SplitsStreams(Good):
    def stream_decoder(self, request: ModelRequest) -> StreamDecoder:
        return Splits(self.parse_error)


class EndsStreamsEarly(Good):
    def stream_decoder(self, request: ModelRequest) -> StreamDecoder:
        return Hasty(self.parse_error)


class SharesADecoder(Good):
    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self._decoder = OpenAIStreamDecoder(self.parse_error)

    def stream_decoder(self, request: ModelRequest) -> StreamDecoder:
        return self._decoder


FAULTS: list[tuple[type[Provider], str, dict[str, Any]]] = [
    (WrongPath, "test_the_plain_request_is_exact", {"declared_operation": "chat"}),
    (ReadsTheEnvironment, "test_the_environment_is_read_through_the_settings_only", {"monkeypatch": None}),
    (ShowsItsKey, "test_the_key_shows_nowhere_else", {}),
    (KeyInTheUrl, "test_the_key_shows_nowhere_else", {}),
    (LineEndInAHeader, "test_headers_are_valid", {"stream": False}),
    (IgnoresApiBase, "test_another_api_base_keeps_the_format", {"base": "https://other.example.test"}),
    (IgnoresApiBase, "test_api_base_comes_from_the_environment_unless_set", {}),
    (LosesOwnMembers, "test_members_of_the_vendors_own_are_passed_on", {}),
    (ChangesMessages, "test_building_a_request_leaves_nothing_in_what_it_was_given", {}),
    (Remembers, "test_build_request_is_pure", {}),
    (Remembers, "test_using_a_provider_leaves_no_trace_on_it", {}),
    (ClaimsTooMuch, "test_a_supported_parameter_reaches_the_vendor", {"operation": "chat", "param": "seed"}),
    (ClaimsTooMuch, "test_a_feature_is_asked_for_or_refused", {"scenario": BY_NAME["seed"]}),
    (KeepsQuietAboutReasoning, "test_a_feature_is_asked_for_or_refused", {"scenario": BY_NAME["reasoning"]}),
    (OneErrorForAll, "test_every_status_has_its_error", {"status": 429, "kind": "json"}),
    (TrustsErrorBodies, "test_every_status_has_its_error", {"status": 500, "kind": "html"}),
    (TrustsErrorBodies, "test_odd_bodies_raise_nothing", {"status": 500}),
    (AddsUpWrong, "test_the_answer_has_openai_shape", {"declared_operation": "chat"}),
    (OddReason, "test_the_answer_has_openai_shape", {"declared_operation": "chat"}),
    (TakesAnything, "test_an_answer_without_sense_is_said_to_be_one", {"kind": "html"}),
    (SplitsStreams, "test_every_split_gives_the_same_answer", {"stream_scenario": CHAT}),
    (EndsStreamsEarly, "test_a_stream_that_breaks_off_is_not_complete", {"stream_scenario": CHAT}),
    (SharesADecoder, "test_two_streams_at_once_do_not_mix", {}),
    (Good, "test_the_plugin_registers_the_provider", {}),
]


def kit_for(provider: type[Provider]) -> ProviderConformance:
    class Kit(ProviderConformance):
        provider_class = provider
        model = "good-1"
        base_url = "https://api.good.example/v1"

    return Kit()


@pytest.mark.parametrize(("provider", "test", "arguments"), FAULTS, ids=[f"{p.__name__}-{t}" for p, t, _ in FAULTS])
def test_a_fault_is_found(
    provider: type[Provider], test: str, arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if "monkeypatch" in arguments:
        arguments = {"monkeypatch": monkeypatch}
    with pytest.raises((AssertionError, UnicodeDecodeError, pytest.fail.Exception)):
        getattr(kit_for(provider), test)(**arguments)


@pytest.mark.parametrize(("test", "arguments"), [f[1:] for f in FAULTS if f[0] is not Good])
def test_the_good_one_passes_the_same_tests(
    test: str, arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if "monkeypatch" in arguments:
        arguments = {"monkeypatch": monkeypatch}
    getattr(kit_for(Good), test)(**arguments)


def test_the_network_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    kit = kit_for(UsesTheNetwork)
    type(kit)._offline.__wrapped__(kit, monkeypatch)  # type: ignore[attr-defined]
    with pytest.raises(AssertionError, match="must not use the network"):
        kit.test_build_request_is_pure()


class Foreign(Good):
    """Not in OpenAI's shape, as far as the kit knows."""

    relays = False


def test_missing_samples_are_asked_for_by_name() -> None:
    kit = kit_for(Foreign)
    with pytest.raises(pytest.fail.Exception, match=r"samples/chat\.request\.json with this, if it is right"):
        kit.test_the_plain_request_is_exact("chat")
    with pytest.raises(pytest.fail.Exception, match=r"samples/tools\.response\.json with .* one call of get_weather"):
        kit.test_the_answer_of_a_feature_has_it(BY_NAME["tools"])
    with pytest.raises(pytest.fail.Exception, match=r"samples/error\.json"):
        kit.test_every_status_has_its_error(400, "json")


def test_a_standard_test_is_not_lost_by_accident() -> None:
    with pytest.raises(TypeError, match="test_headers_are_valid"):

        class Lazy(ProviderConformance):
            provider_class = Good
            model = "good-1"
            test_headers_are_valid = None  # type: ignore[assignment]
