"""Standard tests of pass-through: where requests go, what lets them in, and what never goes along."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tianji_core.api.errors import AuthenticationError, BadRequestError, UnsupportedCapabilityError
from tianji_core.api.http import Headers, UpstreamRequest
from tianji_core.api.pass_through import PassThrough
from tianji_core.api.provider import Provider
from tianji_core.testing.provider_kit.kit import SECRET
from tianji_core.testing.provider_kit.requests import RequestTests

PATHS = (
    "/",
    "/v1/models",
    "/v1/@evil.example/x",
    "/@evil.example",
    "/:80/x",
    "/v1/files/file-1/content",
    "/v2/a%2Fb/c",
    "/projects/p/locations/evil.example/x",
    "/v1/projects/p/locations/l/publishers/q/models/m:predict",
    "/model/arn%3Aaws%3Abedrock%3Aevil.example%3A1%3Ax%2Fy/converse",
    "/openai/deployments/d/chat/completions",
    "/upload/v1beta/files",
)
"""All have been checked already: no segment is empty or leads upwards."""


class PassThroughTests(RequestTests, kit=True):
    """What a client's own request becomes. Of a provider that offers none, the refusal."""

    def passes_through(self) -> bool:
        return self.provider_class.build_pass_through is not Provider.build_pass_through

    def passed(self, path: str = "/v1/models", **named: object) -> UpstreamRequest:
        """The vendor's request for a client's; refused ones fail the test."""
        request = PassThrough("GET", path, **named)  # type: ignore[arg-type]
        return self.provider().build_pass_through(request)

    def test_pass_through_is_offered_or_refused(self) -> None:
        request = PassThrough("GET", "/v1/models")
        if not self.passes_through():
            with pytest.raises(UnsupportedCapabilityError):
                self.provider().build_pass_through(request)
            return
        assert self.provider().build_pass_through(request).method == "GET"

    def test_a_passed_path_stays_at_the_vendor(self) -> None:
        for path in PATHS if self.passes_through() else ():
            try:
                built = self.passed(path)
            except BadRequestError:
                continue  # no such path here: just as well
            self._assert_at_vendor(built)

    def _assert_at_vendor(self, built: UpstreamRequest) -> None:
        usual = urlsplit(self.passed().url)
        found = urlsplit(built.url)
        assert found.scheme == usual.scheme
        assert "@" not in found.netloc
        assert found.port == usual.port
        # A vendor may have several hosts, but of one domain; and no part of the path may become one.
        domain = ".".join((usual.hostname or "").split(".")[-2:])
        assert found.hostname == usual.hostname or (found.hostname or "").endswith(f".{domain}"), built.url
        assert "evil.example" not in found.netloc, built.url
        assert not {"..", "."} & set(found.path.split("/")), built.url
        assert "//" not in found.path, built.url

    def test_a_passed_path_is_below_another_api_base(self) -> None:
        if not self.passes_through():
            return
        base = "https://gateway.example.test/some/path"
        for path in PATHS:
            try:
                built = self.provider(api_base=base).build_pass_through(PassThrough("GET", path))
            except BadRequestError:
                continue
            assert built.url == base or built.url.startswith((f"{base}/", f"{base}?")), built.url

    def test_a_passed_request_keeps_method_query_and_body(self) -> None:
        if not self.passes_through():
            return
        headers = [("content-type", "application/x-kit"), ("accept", "a/b")]
        request = PassThrough("PATCH", "/v1/things", "a=1&b=%20", headers, b"body")
        built = self.provider().build_pass_through(request)
        assert built.method == "PATCH"
        assert built.body == b"body"
        assert "a=1&b=%20" in urlsplit(built.url).query
        assert set(headers) <= set(built.headers), "what the client says of its body has to stay"
        assert len({name for name, _ in built.headers}) == len(built.headers), built.headers
        assert not {"host", "content-length", "transfer-encoding"} & {name for name, _ in built.headers}

    def test_a_passed_request_has_the_key_of_the_row(self) -> None:
        if not self.passes_through() or not self.takes_key():
            return
        built = self.passed()
        assert SECRET in str([*built.headers, built.url]), "the credential is missing"
        for name in ("authorization", "x-api-key", "api-key", "x-goog-api-key"):
            clients = PassThrough("GET", "/v1/models", headers=[(name, "sk-of-the-client")])
            again = dict(self.provider().build_pass_through(clients).headers)
            usual = dict(built.headers)
            if name in usual:
                assert again[name] == usual[name], f"the client's {name} wins over the row's"

    def test_a_passed_request_without_a_key_says_what_to_set(self) -> None:
        if not self.passes_through() or not self.takes_key() or not self.provider_class.api_key_env:
            return
        try:
            provider = self.provider(api_key=None)
        except ValueError:
            return
        told = ""
        try:
            built = provider.build_pass_through(PassThrough("GET", "/v1/models"))
        except AuthenticationError as error:
            told = error.message
        else:
            assert SECRET not in str(built.headers)
        assert not told or any(name in told for name in self.provider_class.api_key_env), told

    def test_models_of_a_passed_request_are_found(self) -> None:
        """Nothing is certain about a path that nobody knows; and a model in the body is seen."""
        if not self.passes_through():
            return
        provider = self.provider()
        body = {"model": "kit-model", "messages": [{"role": "user", "content": "Hi", "model": "no model"}]}
        found = provider.pass_through_models(PassThrough("POST", "/v1/kit/nowhere", json=body))
        assert not found.only
        assert "no model" not in found.models
        assert not provider.pass_through_models(PassThrough("GET", "/v1/models")).only
        batch = {"model": "kit-model", "requests": [{"params": {"model": "hidden"}}]}
        for path in ("/v1/messages", "/v1/chat/completions", "/v2/chat"):
            named = provider.pass_through_models(PassThrough("POST", path, json=batch))
            assert not named.only or "hidden" in named.models, "a model that is named further inside is overlooked"

    def test_the_meter_of_a_passed_answer_survives_anything(self) -> None:
        if not self.passes_through():
            return
        kinds = ("application/json", "text/event-stream", "application/x-ndjson", "application/vnd.amazon.eventstream")
        junk = (b"", b"{", b"[]", b"null", b"data: {\n\n", b'{"usage":7,"meta":[],"error":{}}', bytes(range(256)) * 8)
        for kind in kinds:
            for data in junk:
                request = PassThrough("POST", "/v1/chat/completions")
                meter = self.provider().pass_through_meter(request, Headers([("content-type", kind)]))
                if meter is not None:
                    meter.feed(data)
                    meter.feed(data)
                    meter.finish()
                    assert meter.usage is None or isinstance(meter.usage, dict)
