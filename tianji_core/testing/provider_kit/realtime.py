"""Standard tests of realtime sessions: how one is opened."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tianji_core.api.errors import UnsupportedCapabilityError
from tianji_core.api.http import UpstreamRequest
from tianji_core.api.provider import ModelRequest, Provider
from tianji_core.testing.provider_kit.kit import SECRET, ProviderKit
from tianji_core.testing.provider_kit.requests import OTHER_BASE, headers_of, wire_of


class RealtimeTests(ProviderKit, kit=True):
    """A provider opens sessions if it says so, with its own key, at its own address."""

    def test_a_session_is_opened_or_refused(self) -> None:
        if not self.has_sessions():
            with pytest.raises(UnsupportedCapabilityError):
                self.opening(self.provider())
            return
        request = self.opening(self.provider())
        assert request.method == "GET"
        assert request.body == b"", "the request for a WebSocket has no body"
        plain = self.urls.get("realtime", self.base_url).startswith(("http:", "ws:"))
        assert urlsplit(request.url).scheme == ("ws" if plain else "wss")
        assert self.urls.get("realtime", request.url) == request.url
        assert request.headers == self.opening(self.provider()).headers
        names = [name for name, _ in request.headers]
        assert "content-type" not in names, "there is no body whose type could be told"
        handshake = {name for name in names if name in ("upgrade", "connection") or name.startswith("sec-websocket")}
        assert not handshake, f"{handshake} are the transport's business"
        if self.key_in_request:
            assert SECRET in wire_of(request)

    def test_sessions_take_the_api_base_and_the_extra_headers(self) -> None:
        if not self.has_sessions():
            return
        provider = self.provider(api_base=OTHER_BASE, extra_headers={"X-Team": "blue"})
        request = self.opening(provider)
        assert request.url.startswith(f"ws{OTHER_BASE.removeprefix('http')}/")
        assert headers_of(request)["x-team"] == "blue"

    def test_sessions_of_the_beta_say_so(self) -> None:
        if self.has_sessions():
            fields = headers_of(self.opening(self.provider(), beta=True))
            assert fields == {**headers_of(self.opening(self.provider())), "openai-beta": "realtime=v1"}

    # -- helpers -------------------------------------------------------------------------------------------------

    def has_sessions(self) -> bool:
        return "realtime" in self.provider_class.capabilities.operations

    def opening(self, provider: Provider, *, beta: bool = False) -> UpstreamRequest:
        """What opens a session."""
        headers = {"openai-beta": "realtime=v1"} if beta else {}
        model = self.models.get("realtime", self.model)
        return provider.build_realtime(ModelRequest("realtime", model, {"model": model}, True, headers))
