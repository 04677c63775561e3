"""HTTP to the sinks of callbacks: one request out, and what its answer means for the records in it."""

from __future__ import annotations

import gzip
from collections.abc import Mapping

from tianji_core.api.callback import DeliveryError, TooLargeError
from tianji_core.api.http import UpstreamRequest
from tianji_core.translate.retry import parse_retry_after
from tianji_core.transport import HttptoolsTransport, Timeouts, TransportError
from tianji_core.transport.services import checked_address, checked_fields

_READ = 64 << 10
"""Bytes of an answer that are read so that its connection can be used again; a longer one costs the connection."""
_TRY_AGAIN = frozenset({408, 425, 429})


class HttpSender:
    """Sends bodies to one sink. Redirects are not followed; no address, header or body gets into an error.

    An answer of 2xx is good. DeliveryError says of all others whether the same may be sent again: after 408, 425, 429,
    5xx, time-outs and network errors. So a sink that took a body and did not say so in time gets it twice.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: float = 10.0,
        compress: bool = False,
        ssl_verify: bool | str = True,
    ) -> None:
        """`timeout`: seconds for one request. Raises ValueError for an address or field that cannot be used."""
        self.url = checked_address(url, "sink")
        self._headers = checked_fields(headers)
        self._compress = compress
        if compress:
            self._headers.append(("content-encoding", "gzip"))
        self._timeouts = Timeouts(connect=min(timeout, 10.0), write=timeout, first_byte=timeout, total=timeout)
        self._verify = ssl_verify
        self._transport: HttptoolsTransport | None = None

    async def post(self, body: bytes, headers: Mapping[str, str] | None = None, *, url: str | None = None) -> bytes:
        """POST a body, to `url` if it is another than the sink's usual one; the answer's first 64 KiB.

        Raises DeliveryError, TooLargeError.
        """
        data = gzip.compress(body, 5) if self._compress else body
        return await self._send("POST", url or self.url, data, headers)

    async def put(self, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """PUT a body as it is. Raises DeliveryError, TooLargeError."""
        await self._send("PUT", url, body, headers)

    async def _send(self, method: str, url: str, data: bytes, headers: Mapping[str, str] | None) -> bytes:
        if self._transport is None:
            self._transport = HttptoolsTransport(ssl_verify=self._verify)
        fields = self._headers if not headers else [*self._headers, *headers.items()]
        request = UpstreamRequest(method, url, list(fields), data)
        try:
            response = await self._transport.send(request, self._timeouts)
            answer = b""
            async with response:
                async for piece in response:
                    answer += piece
                    if len(answer) > _READ:
                        break
        except TransportError as error:
            raise DeliveryError(type(error).__name__) from None  # its text names the sink's host
        status = response.status
        if 200 <= status < 300:
            return answer[:_READ]
        if status == 413:
            raise TooLargeError("status 413")
        again = status in _TRY_AGAIN or status >= 500
        raise DeliveryError(f"status {status}", retry=again, after=parse_retry_after(response.headers))

    async def aclose(self) -> None:
        """Close the connections."""
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()

    def __repr__(self) -> str:  # the address may carry a token
        return f"{type(self).__name__}()"
