"""Standard tests of `build_request`: address, headers, key, body."""

from __future__ import annotations

import copy
import json
import re
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, get_args
from urllib.parse import urlsplit

import pytest

from tianji_core.api.errors import (
    AuthenticationError,
    BadRequestError,
    UnsupportedCapabilityError,
)
from tianji_core.api.http import Upload, UpstreamRequest
from tianji_core.api.provider import PATH_DIALECTS, Body, ModelRequest, Operation, Provider
from tianji_core.openai_compat.provider import PATHS
from tianji_core.testing.corpus import BY_NAME, SCENARIOS, TEXTS, user
from tianji_core.testing.provider_kit.kit import SECRET, ProviderKit, body_of, json_of, members, prepared, strings

OPERATIONS: tuple[Operation, ...] = tuple(each for each in get_args(Operation) if each != "realtime")
"""Those that are a request and an answer; sessions have tests of their own."""
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
"""A field name (RFC 9110 §5.6.2), in lower case."""
OTHER_BASE = "https://gateway.example.test/some/path"


class RequestTests(ProviderKit, kit=True):
    """What the vendor is sent."""

    def test_the_plain_request_is_exact(self, declared_operation: Operation) -> None:
        operation = declared_operation
        request = self.build(operation)
        assert request.method == "POST"
        wanted = self.urls.get(operation) or (self.base_url and self.base_url + PATHS[operation])
        assert wanted, f'say where it goes, by base_url or by urls = {{"{operation}": {request.url!r}}}'
        assert request.url == wanted
        sent, wanted_headers = headers_of(request), self.expected_headers()
        if is_form(request):  # its boundary is nobody's business
            sent.pop("content-type")
            wanted_headers.pop("content-type", None)
        assert sent == wanted_headers
        self.assert_body(operation, request)

    def test_a_stream_is_asked_for_or_refused(self, declared_operation: Operation) -> None:
        operation, scenario = declared_operation, BY_NAME[declared_operation]
        if not scenario.streams:
            return
        if not self.streams():
            with pytest.raises(UnsupportedCapabilityError):
                self.build(scenario, stream=True)
            return
        plain, streamed = self.build(scenario), self.build(scenario, stream=True)
        assert streamed.url == self.urls.get(f"{operation}_stream", plain.url)
        told = (plain.url, body_of(plain), headers_of(plain)) != (streamed.url, body_of(streamed), headers_of(streamed))
        assert told, "the vendor cannot tell a streamed request from a plain one"
        if self.is_openai_shaped():
            assert json_of(streamed)["stream"] is True
            assert not json_of(plain).get("stream")

    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_an_operation_not_declared_is_refused(self, operation: Operation) -> None:
        if operation in self.provider_class.capabilities.operations:
            return
        with pytest.raises(UnsupportedCapabilityError):
            self.build(operation)

    # -- where it goes -------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("base", [OTHER_BASE, f"{OTHER_BASE}/", "http://127.0.0.1:9450"])
    def test_another_api_base_keeps_the_format(self, base: str) -> None:
        scenario = self.main_scenario()
        usual = self.build(scenario)
        moved = self.provider(api_base=base).build_request(self.request(scenario))
        assert moved.url.startswith(base.rstrip("/") + "/") or moved.url == base.rstrip("/"), moved.url
        assert "//" not in urlsplit(moved.url).path, moved.url
        assert body_of(moved) == body_of(usual)
        assert headers_of(moved) == headers_of(usual)

    def test_api_base_comes_from_the_environment_unless_set(self) -> None:
        scenario = self.main_scenario()
        names = self.provider_class.api_base_env
        for name in names:
            provider = self.provider(environ={name: OTHER_BASE}, api_base=None)
            assert provider.build_request(self.request(scenario)).url.startswith(OTHER_BASE), f"{name} is not looked at"
        both = self.provider(environ=dict.fromkeys(names, "https://wrong.example.test"), api_base=OTHER_BASE)
        assert both.build_request(self.request(scenario)).url.startswith(OTHER_BASE)

    def test_odd_model_names_stay_inside_the_url(self) -> None:
        scenario = self.main_scenario()
        for model in ("odd name/ü?x=1#y", "a\r\nb: c", "../../admin", "%2e%2e"):
            request = self.request(scenario)
            request.model = request.body["model"] = model
            try:
                built = self.provider(model=model).build_request(request)
            except BadRequestError:
                continue  # refused: just as well
            assert built.url.isascii(), built.url
            assert built.url.isprintable(), built.url
            assert " " not in built.url, built.url
            assert ".." not in built.url.split("/"), built.url
            assert urlsplit(built.url).netloc == urlsplit(self.build(scenario).url).netloc

    # -- the key -------------------------------------------------------------------------------------------------

    def test_the_key_of_the_settings_wins(self) -> None:
        if not self.takes_key():
            return
        other = dict.fromkeys(self.provider_class.api_key_env, "sk-kit-0ther")
        request = self.provider(environ=other).build_request(self.request(self.main_scenario()))
        assert SECRET in wire_of(request)
        assert "sk-kit-0ther" not in wire_of(request)

    def test_the_key_comes_from_the_environment(self) -> None:
        if not self.takes_key():
            return
        names = self.provider_class.api_key_env
        assert names, "api_key_env names no variable that the key may come from"
        for name in names:
            provider = self.provider(environ={name: SECRET}, api_key=None)
            assert SECRET in wire_of(provider.build_request(self.request(self.main_scenario()))), f"{name} is not read"
        environ = {name: f"{SECRET}-{i}" for i, name in enumerate(names)}
        first = wire_of(self.provider(environ=environ, api_key=None).build_request(self.request(self.main_scenario())))
        assert f"{SECRET}-0" in first, f"{names[0]} is the first of api_key_env and does not win"

    def test_the_environment_is_read_through_the_settings_only(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in (*self.provider_class.api_key_env, *self.provider_class.api_base_env):
            monkeypatch.setenv(name, "https://sk-kit-of-the-process.example.test")
        request = self.build(self.main_scenario())
        assert "sk-kit-of-the-process" not in wire_of(request)

    def test_without_a_key_the_error_says_what_to_set(self) -> None:
        if not self.takes_key():
            return
        with pytest.raises((AuthenticationError, ValueError)) as caught:
            self.provider(api_key=None).build_request(self.request(self.main_scenario()))
        named = ("api_key", *self.provider_class.api_key_env)
        assert any(name in str(caught.value) for name in named), f"{caught.value} names none of {', '.join(named)}"

    def test_the_key_shows_nowhere_else(self) -> None:
        provider = self.provider()
        request = provider.build_request(self.request(self.main_scenario()))
        shown = {
            "repr of the provider": repr(provider),
            "str of the provider": str(provider),
            "repr of the settings": repr(provider.settings),
            "repr of the request": repr(request),
            "URL": "" if self.key_in_url else request.url,
            "body": body_of(request).decode("utf-8", "replace"),
        }
        for where, text in shown.items():
            assert SECRET not in text, f"the key shows in the {where}"

    # -- headers -------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("stream", [False, True])
    def test_headers_are_valid(self, stream: bool) -> None:
        scenario = self.main_scenario()
        request = self.build(scenario, stream=stream and self.streams() and scenario.streams)
        names = [name for name, _ in request.headers]
        for name, value in request.headers:
            assert TOKEN.fullmatch(name), f"{name!r} is no field name in lower case"
            value.encode("latin-1")
            assert not re.search(r"[\r\n\0]", value), f"{name} holds a line end"
            assert value == value.strip(), f"{name} begins or ends with blanks"
        own = {"host", "content-length", "transfer-encoding", "connection"}.intersection(names)
        assert not own, f"{own} are the transport's business"
        twice = {name for name in names if names.count(name) > 1}
        assert not twice, f"sent twice: {twice}"

    def test_extra_headers_are_sent(self) -> None:
        provider = self.provider(extra_headers={"X-Team": "blue"})
        sent = headers_of(provider.build_request(self.request(self.main_scenario())))
        assert sent.get("x-team") == "blue"

    def test_forwarded_headers_are_sent_and_do_not_stay(self) -> None:
        provider, scenario = self.provider(), self.main_scenario()
        before = provider.build_request(self.request(scenario))
        request = self.request(scenario)
        request.headers = dict.fromkeys(self.provider_class.forward_headers, "kit-value")
        sent = headers_of(provider.build_request(request))
        for name in self.provider_class.forward_headers:
            assert name == name.lower(), f"forward_headers has {name}, which is not in lower case"
            assert "kit-value" in sent.get(name, ""), f"{name} is in forward_headers and is not sent"
        after = provider.build_request(self.request(scenario))
        assert after.headers == before.headers, "header fields of one call reach the next"

    # -- body ----------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("name", sorted(TEXTS))
    def test_texts_reach_the_vendor_as_they_are(self, name: str) -> None:
        scenario, text = self.main_scenario(), TEXTS[name]
        request = self.request(scenario)
        request.body |= {"chat": user(text), "completions": {"prompt": text}}.get(scenario.operation, {"input": text})
        sent = body_of(self.provider().build_request(request))
        sent.decode("utf-8")
        assert any(text in found for found in strings(json.loads(sent))), "the text was changed or lost"

    def test_members_of_the_vendors_own_are_passed_on(self) -> None:
        own = {"kit_flag": True, "kit_options": {"depth": [1, 2.5, None], "name": "天"}}
        request = self.request(self.main_scenario())
        request.body |= own
        found = list(members(json_of(self.provider().build_request(request))))
        for member in own.items():
            assert member in found, f"{member[0]} does not reach the vendor"

    def test_a_request_in_a_dialect_of_the_vendors_own_goes_out_as_it_came(self) -> None:
        usual = headers_of(self.build(self.main_scenario()))
        for dialect in self.provider_class.native_dialects:
            if not self.provider().speaks(dialect, self.model):
                continue
            body: Body = {"kit": {"depth": [1, None, "天"]}}
            if dialect not in PATH_DIALECTS:
                body.update(model=self.model, stream=True)
            asked = ModelRequest("chat", self.model, dict(body), stream=True, dialect=dialect, native=True)
            built = self.provider().build_native(dialect, asked)
            assert json_of(built) == self.native_body(dialect, body), f"{dialect}: the client's body was changed"
            assert headers_of(built) == usual
            assert urlsplit(built.url).netloc == urlsplit(self.build(self.main_scenario()).url).netloc

    def test_build_request_is_pure(self) -> None:
        provider = self.provider()
        for scenario in SCENARIOS:
            if not self.declares(scenario):
                continue
            first, second = (self.wire(provider, self.request(scenario)) for _ in range(2))
            assert first == second, f"{scenario.name}: the same request was built in two ways"
            assert self.wire(self.provider(), self.request(scenario)) == first

    def test_building_a_request_leaves_nothing_in_what_it_was_given(self) -> None:
        """The body is the provider's; messages, tools and schemas in it are shared with the next attempt."""
        for scenario in SCENARIOS:
            if self.declares(scenario):
                request = self.request(scenario)
                shared = [part for part in request.body.values() if isinstance(part, (dict, list))]
                before = copy.deepcopy(shared)
                prepared(self.provider(), request)
                assert shared == before, f"{scenario.name}: the caller's own lists or objects were changed in place"

    # -- helpers -------------------------------------------------------------------------------------------------

    def takes_key(self) -> bool:
        """Whether there is a key that goes out with each request."""
        return self.key_in_request and any("{api_key}" in value for value in self.headers.values())

    def expected_headers(self) -> dict[str, str]:
        return {name: value.format(api_key=SECRET) for name, value in self.headers.items()}

    def assert_body(self, name: str, request: UpstreamRequest) -> None:
        """The body is the sample's, or in OpenAI's shape just what was asked."""
        sent = body_of(request)
        path = self.sample_file(f"{name}.request")
        if is_form(request) and path is None and self.is_openai_shaped():
            fields = form_of(request)
            expected = self.expected_body(name, self.request(name))
            assert fields == {key: v.read() if isinstance(v, Upload) else v for key, v in expected.items()}
            return
        if path is not None and path.suffix == ".bin":
            assert sent == path.read_bytes()
        elif path is not None:
            assert json.loads(sent) == json.loads(path.read_bytes())
        elif self.is_openai_shaped():
            assert plain_messages(json.loads(sent)) == plain_messages(self.expected_body(name, self.request(name)))
        else:
            raise self.missing(f"{name}.request.json", f"this, if it is right:\n{sent.decode('utf-8', 'replace')}")

    def native_body(self, dialect: str, body: Body) -> Body:
        """What the vendor gets of a body in a dialect of its own; override where it wants some of it otherwise."""
        return body

    def expected_body(self, name: str, request: ModelRequest) -> Any:
        """What an OpenAI-shaped vendor gets for a scenario; override for small deviations."""
        return {self.renamed_params.get(key, key): value for key, value in request.body.items()}

    @staticmethod
    def wire(provider: Provider, request: ModelRequest) -> tuple[str, list[tuple[str, str]], bytes]:
        built = prepared(provider, request)
        return built.url, list(built.headers), body_of(built)


def is_form(request: UpstreamRequest) -> bool:
    return headers_of(request).get("content-type", "").startswith("multipart/form-data")


def form_of(request: UpstreamRequest) -> dict[str, Any]:
    """The fields of a form, text as text and files as bytes, read with the standard library's parser."""
    head = f"content-type: {headers_of(request)['content-type']}\r\n\r\n".encode()
    fields = {}
    for part in BytesParser(policy=HTTP).parsebytes(head + body_of(request)).iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        name = part.get_param("name", header="content-disposition")
        fields[str(name)] = content if part.get_filename() else content.decode()
    return fields


def plain_messages(body: Any) -> Any:
    """A body without what says nothing in a message: null members, and cache markers (a hint)."""
    for message in body.get("messages", ()):
        for key in [key for key, value in message.items() if value is None]:
            del message[key]
        for part in [message, *(message["content"] if isinstance(message.get("content"), list) else ())]:
            part.pop("cache_control", None)
    return body


def headers_of(request: UpstreamRequest) -> dict[str, str]:
    return dict(request.headers)


def wire_of(request: UpstreamRequest) -> str:
    """All that leaves the house, as text."""
    fields = "\n".join(f"{name}: {value}" for name, value in request.headers)
    return f"{request.url}\n{fields}\n{body_of(request).decode('utf-8', 'replace')}"
