"""What a subclass of the provider kit states, and how its tests get providers, requests and samples."""

from __future__ import annotations

import asyncio
import base64
import copy
import importlib
import inspect
import json
import socket
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import pytest

from tianji_core.api.errors import GatewayError, RateLimitError
from tianji_core.api.http import Headers, Media, UpstreamReply, UpstreamRequest
from tianji_core.api.provider import Body, ModelRequest, Provider, ProviderSettings, StreamDecoder
from tianji_core.testing import openai_samples
from tianji_core.testing.corpus import BY_NAME, CHAT, COMPLETIONS, EMBEDDINGS, OTHERS, PNG, SCENARIOS, Scenario
from tianji_core.testing.standard import Conformance
from tianji_core.translate.chunks import merge_chunks

SECRET = "sk-kit-5ecret-0123456789"  # noqa: S105 - nobody's key
"""The key under test: it may stand where the vendor wants it and nowhere else."""
STREAM_SUFFIXES = (".sse", ".ndjson", ".json", ".bin")
CONTENT_TYPES = {
    ".json": "application/json",
    ".sse": "text/event-stream",
    ".ndjson": "application/x-ndjson",
    ".bin": "application/octet-stream",
}


class KitNetwork:
    """What `prepare` is lent: a small picture stands at every address, and nothing else can be reached."""

    async def download(self, url: str, *, limit: int = 0) -> Media:
        return Media("image/png", base64.b64decode(PNG))

    async def fetch(self, request: UpstreamRequest, *, timeout: float = 0.0, limit: int = 0) -> UpstreamReply:
        raise AssertionError(f"the kit has no answer for {request!r}")


class ProviderKit(Conformance, kit=True):
    """Settings of the kit, and helpers that tests of one's own may use as well."""

    provider_class: ClassVar[type[Provider]]
    """The provider under test."""
    model: ClassVar[str]
    """The vendor's name of a model."""
    base_url: ClassVar[str] = ""
    """The vendor's base URL; in OpenAI's shape the URLs of the operations follow from it."""
    urls: ClassVar[Mapping[str, str]] = {}
    """The URL of each declared operation otherwise; "chat_stream" and the like where a stream has another one."""
    headers: ClassVar[Mapping[str, str]] = {"content-type": "application/json", "authorization": "Bearer {api_key}"}
    """The header fields of every request, names in lower case."""
    models: ClassVar[Mapping[str, str]] = {}
    """Other models for some scenarios, features or operations: {"reasoning": "acme-thinker"}."""
    settings: ClassVar[Mapping[str, Any]] = {}
    """Settings that the provider cannot do without, beside the key."""
    settings_class: ClassVar[type[ProviderSettings] | None] = None
    """The settings model; unset, the one that the plugin registers."""
    plugin: ClassVar[Any] = None
    """The module with the plugin's hooks; unset, the package that the provider class is in."""
    openai_shaped: ClassVar[bool | None] = None
    """Whether the kit's own OpenAI samples fit; unset, `relays` of the provider class tells."""
    renamed_params: ClassVar[Mapping[str, str]] = {}
    """OpenAI parameters that an OpenAI-shaped vendor calls otherwise."""
    ignored_params: ClassVar[frozenset[str]] = frozenset()
    """Parameters that are taken and that the vendor's request shows nothing of."""
    refused_scenarios: ClassVar[frozenset[str]] = frozenset()
    """Scenarios of declared features that this vendor has no word for, and that are refused all the same."""
    error_classes: ClassVar[Mapping[int, type[GatewayError]]] = {}
    """Statuses that mean something else at this vendor."""
    stream_error_class: ClassVar[type[GatewayError]] = RateLimitError
    """What error.stream.* reports."""
    key_in_request: ClassVar[bool] = True
    """False if the key is not sent as it is (request signing, tokens fetched by `authorize`)."""
    key_in_url: ClassVar[bool] = False
    """True if the vendor takes the key in the query only."""
    has_filter: ClassVar[bool] = True
    """Whether the vendor refuses prompts by a content filter of its own."""
    stream_usage: ClassVar[bool] = True
    """Whether the vendor's streams report usage."""

    @pytest.fixture(autouse=True)
    def _offline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A provider is pure: whoever opens a socket or looks up a host fails."""

        def refuse(*_: Any, **__: Any) -> NoReturn:
            raise AssertionError("a provider must not use the network")

        for name in ("connect", "connect_ex", "sendto"):
            monkeypatch.setattr(socket.socket, name, refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)

    # -- providers and requests ----------------------------------------------------------------------------------

    def make_provider(self, settings: ProviderSettings) -> Provider:
        """The provider, as the gateway makes it. Override where it needs a factory."""
        return self.provider_class(settings)

    def make_settings(self, *, environ: Mapping[str, str] | None = None, **values: Any) -> ProviderSettings:
        """Settings of a deployment: the kit's key and the class's `settings`, unless `values` say otherwise."""
        merged = {"model": self.model, "api_key": SECRET, **self.settings, **values}
        return self.settings_model().model_validate({**merged, "environ": dict(environ or {})})

    def provider(self, *, environ: Mapping[str, str] | None = None, **settings: Any) -> Provider:
        """A fresh provider."""
        return self.make_provider(self.make_settings(environ=environ, **settings))

    def settings_model(self) -> type[ProviderSettings]:
        if self.settings_class is not None:
            return self.settings_class
        found = self.registered().get(self.provider_class.name)
        return (found and found[1]) or ProviderSettings

    def registered(self) -> dict[str, tuple[Any, type[ProviderSettings] | None]]:
        """What the plugin's hook registers: factory and settings model by name."""
        found: dict[str, tuple[Any, type[ProviderSettings] | None]] = {}
        hook = getattr(self.plugin_module(), "tianji_register_providers", None)
        if hook is not None:
            hook(register=lambda name, factory, settings=None: found.update({name: (factory, settings)}))
        return found

    def plugin_module(self) -> Any:
        return self.plugin or importlib.import_module(self.provider_class.__module__.partition(".")[0])

    def request(self, scenario: Scenario | str = CHAT, *, stream: bool = False, **members: Any) -> ModelRequest:
        """A fresh request of a scenario, as the gateway hands it to the provider."""
        scenario = BY_NAME[scenario] if isinstance(scenario, str) else scenario
        model = self.model_for(scenario)
        body: Body = {"model": model, **copy.deepcopy(scenario.body), **copy.deepcopy(members)}
        if stream:
            body["stream"] = True
            supported = self.provider().supported_params(model, scenario.operation)
            if supported is None or "stream_options" in supported:
                body["stream_options"] = {"include_usage": True}
        return ModelRequest(scenario.operation, model, body, stream)

    def model_for(self, scenario: Scenario) -> str:
        names = (scenario.name, scenario.feature or "", scenario.operation)
        return next((self.models[name] for name in names if name in self.models), self.model)

    def build(self, scenario: Scenario | str = CHAT, *, stream: bool = False, **members: Any) -> UpstreamRequest:
        """The vendor's request of a scenario."""
        return prepared(self.provider(), self.request(scenario, stream=stream, **members))

    def declares(self, scenario: Scenario) -> bool:
        """Whether the provider says it can do this."""
        capabilities = self.provider_class.capabilities
        if scenario.operation not in capabilities.operations or scenario.name in self.refused_scenarios:
            return False
        return scenario.feature is None or scenario.feature in capabilities.features

    def streams(self) -> bool:
        return "streaming" in self.provider_class.capabilities.features

    def main_scenario(self) -> Scenario:
        """The plainest thing this provider can do: chat, for most."""
        for scenario in (CHAT, COMPLETIONS, EMBEDDINGS, *OTHERS):
            if scenario.operation in self.provider_class.capabilities.operations:
                return scenario
        pytest.fail(f"{self.provider_class.__name__} declares no operation")

    # -- samples -------------------------------------------------------------------------------------------------

    def is_openai_shaped(self) -> bool:
        return self.provider_class.relays if self.openai_shaped is None else self.openai_shaped

    def samples_dir(self) -> Path:
        """`samples` beside the test module."""
        return Path(inspect.getfile(type(self))).parent / "samples"

    def sample_file(self, stem: str, suffixes: tuple[str, ...] = (".json", ".bin")) -> Path | None:
        candidates = (self.samples_dir() / f"{stem}{suffix}" for suffix in suffixes)
        return next((path for path in candidates if path.is_file()), None)

    def response(self, scenario: Scenario) -> UpstreamReply:
        """The vendor's whole answer to a scenario."""
        path = self.sample_file(f"{scenario.name}.response")
        if path is not None:
            return self.reply(path.read_bytes(), CONTENT_TYPES[path.suffix])
        if self.is_openai_shaped() and scenario.name in openai_samples.RESPONSES:
            return self.reply(json.dumps(openai_samples.RESPONSES[scenario.name], ensure_ascii=False).encode())
        if self.is_openai_shaped() and scenario.name == "speech":
            return self.reply(openai_samples.AUDIO, "audio/mpeg")
        raise self.missing(f"{scenario.name}.response.json", f"the vendor's answer with {scenario.answer}")

    def stream_bytes(self, scenario: Scenario) -> bytes:
        """The vendor's streamed answer to a scenario."""
        path = self.sample_file(f"{scenario.name}.stream", STREAM_SUFFIXES)
        if path is not None:
            return path.read_bytes()
        if self.is_openai_shaped() and scenario.name in openai_samples.STREAMS:
            return openai_samples.STREAMS[scenario.name]
        raise self.missing(f"{scenario.name}.stream.sse", f"the vendor's streamed answer with {scenario.answer}")

    def missing(self, name: str, content: str) -> BaseException:
        """To be raised: the test fails for want of a sample, and says what it has to hold."""
        return pytest.fail.Exception(f"sample missing: write {self.samples_dir() / name} with {content}", pytrace=False)

    @staticmethod
    def reply(body: bytes, content_type: str = "application/json", status: int = 200) -> UpstreamReply:
        return UpstreamReply(status, Headers([("content-type", content_type)]), body)

    def decoder(self, scenario: Scenario) -> StreamDecoder:
        """A fresh decoder. All of one test and scenario are of one provider, as those of one deployment are."""
        try:
            provider, request = self._streamed[scenario.name]
        except KeyError:
            provider, request = self._streamed[scenario.name] = self.provider(), self.request(scenario, stream=True)
        return provider.stream_decoder(request)

    @cached_property
    def _streamed(self) -> dict[str, tuple[Provider, ModelRequest]]:
        return {}  # pytest makes an instance for each test

    def merged(self, scenario: Scenario) -> Body:
        """The answer that a scenario's stream adds up to."""
        decoder = self.decoder(scenario)
        chunks = feed(decoder, self.stream_bytes(scenario))
        assert decoder.error is None, f"the sample stream was taken for an error: {decoder.error}"
        return merge_chunks(chunks)

    def stream_scenarios(self) -> list[Scenario]:
        """The declared scenarios of which there is a streamed answer."""
        return [s for s in SCENARIOS if s.streams and self.declares(s)] if self.streams() else []

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for each operation and each stream that this provider declares; a skipped one if none streams."""
        if "declared_operation" in metafunc.fixturenames:
            operations = self.provider_class.capabilities.operations - {"realtime"}
            metafunc.parametrize("declared_operation", sorted(operations))
        if "stream_scenario" not in metafunc.fixturenames:
            return
        found = self.stream_scenarios()
        none = pytest.param(None, marks=pytest.mark.skip(reason="streaming is not declared"), id="none")
        metafunc.parametrize("stream_scenario", found or [none], ids=[s.name for s in found] or None)


def prepared(provider: Provider, request: ModelRequest) -> UpstreamRequest:
    """The vendor's request, as the gateway gets it: `prepare` comes first where there is one."""
    if type(provider).prepare is not Provider.prepare:
        asyncio.run(provider.prepare(request, KitNetwork()))
    return provider.build_request(request)


def feed(decoder: StreamDecoder, *pieces: bytes) -> list[Body]:
    """All chunks of a stream that arrives in these pieces and then ends."""
    return [chunk for piece in pieces for chunk in decoder.feed(piece)] + decoder.finish()


def strings(value: Any) -> Iterator[str]:
    """Every string in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)


def members(value: Any) -> Iterator[tuple[str, Any]]:
    """Every member of every object in a JSON value."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield key, each
            yield from members(each)
    elif isinstance(value, list):
        for each in value:
            yield from members(each)


def body_of(request: UpstreamRequest) -> bytes:
    assert isinstance(request.body, bytes), "the body of a model call must be bytes"
    return request.body


def json_of(request: UpstreamRequest) -> Any:
    """The JSON that the vendor gets."""
    return json.loads(body_of(request))
