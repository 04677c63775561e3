"""JSON to and from the services that guardrails ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from tianji_core.api.guardrail import Unreachable
from tianji_core.api.http import UpstreamRequest
from tianji_core.api.standard_json import any_json
from tianji_core.transport.contract import Timeouts
from tianji_core.transport.errors import TransportError
from tianji_core.transport.httptools_engine import HttptoolsTransport
from tianji_core.transport.services import checked_address, checked_fields

_MOST = 8 << 20
_JSON = [("content-type", "application/json"), ("accept", "application/json")]
_UNREACHABLE = frozenset({408, 429, 502, 503, 504})


class ServiceError(Exception):
    """A service refused what it was asked, or its answer makes no sense. Its text has the status, nothing else."""


class JsonService:
    """One service, with its connections. Redirects are not followed; no address and no header gets into an error."""

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: float = 10.0,
        ssl_verify: bool | str = True,
    ) -> None:
        """`timeout`: seconds for one request. Raises ValueError for an address or field that cannot be used."""
        self._base = checked_address(base_url, "service").rstrip("/")
        self._headers = [*_JSON, *checked_fields(headers)]
        self._timeouts = Timeouts(connect=min(timeout, 10.0), write=timeout, first_byte=timeout, total=timeout)
        self._verify = ssl_verify
        self._transport: HttptoolsTransport | None = None

    async def post(self, path: str, value: Any, headers: Mapping[str, str] | None = None) -> Any:
        """POST a JSON value to `path` below the service's address; the JSON of its answer.

        Raises Unreachable (also for 408, 429, 502, 503 and 504), ServiceError.
        """
        if self._transport is None:
            self._transport = HttptoolsTransport(ssl_verify=self._verify)
        fields = self._headers if not headers else [*self._headers, *headers.items()]
        request = UpstreamRequest("POST", self._base + path, list(fields), any_json(value))
        try:
            response = await self._transport.send(request, self._timeouts)
            async with response:
                data = await response.read(_MOST)
        except TransportError as error:
            raise Unreachable(type(error).__name__) from None  # its text names the host
        if response.status in _UNREACHABLE:
            raise Unreachable(f"status {response.status}")
        if not 200 <= response.status < 300:
            raise ServiceError(f"status {response.status}")
        try:
            return orjson.loads(data)
        except ValueError:
            raise ServiceError("an answer that is no JSON") from None

    async def aclose(self) -> None:
        """Close the connections."""
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()

    def __repr__(self) -> str:  # the address may carry a token
        return f"{type(self).__name__}()"
