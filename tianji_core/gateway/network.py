"""The network as providers' async methods get it: fetches to known addresses, downloads from named ones."""

from __future__ import annotations

from urllib.parse import urlsplit

from tianji_core.api.errors import BadRequestError
from tianji_core.api.http import Media, UpstreamReply, UpstreamRequest
from tianji_core.gateway.reply import transport_failure
from tianji_core.transport import Timeouts, Transport, TransportError
from tianji_core.transport.errors import LimitExceeded

DOWNLOAD_TIMEOUTS = Timeouts(connect=5, pool=5, first_byte=20, between_chunks=20, total=60)


class GatewayNetwork:
    """See `tianji_core.api.http.Network`.

    `transport` goes anywhere, for addresses of the config. `guarded` refuses to connect to anything that is not public:
    what a name resolves to is judged when it is dialled, so a name that changes its mind gains nothing. The hosts in
    `allowed_hosts` are the admin's exceptions.
    """

    def __init__(self, transport: Transport, guarded: Transport, allowed_hosts: frozenset[str] = frozenset()) -> None:
        self._transport = transport
        self._guarded = guarded
        self._allowed = allowed_hosts

    async def fetch(
        self, request: UpstreamRequest, *, timeout: float = 60.0, limit: int = 16 * 1024 * 1024
    ) -> UpstreamReply:
        timeouts = Timeouts(first_byte=timeout, between_chunks=timeout, total=timeout)
        try:
            response = await self._transport.send(request, timeouts)
            return UpstreamReply(response.status, response.headers, await response.read(limit))
        except TransportError as error:
            raise transport_failure(error) from error

    async def download(self, url: str, *, limit: int = 20 * 1024 * 1024) -> Media:
        try:
            host = urlsplit(url).hostname or ""
        except ValueError:
            host = ""
        if not url.lower().startswith(("http://", "https://")) or not host or "@" in urlsplit(url).netloc:
            raise _refused("is no plain http or https address")
        transport = self._transport if host.lower() in self._allowed else self._guarded
        try:
            response = await transport.send(UpstreamRequest("GET", url, [("accept", "*/*")]), DOWNLOAD_TIMEOUTS)
            async with response:
                if response.status != 200:
                    raise _refused(f"was answered with status {response.status}")
                data = await response.read(limit)
        except LimitExceeded:
            raise _refused(f"is larger than {limit // (1024 * 1024)} MB") from None
        except TransportError as error:
            # Told alike, whatever it was: nobody is to explore a network by the difference.
            raise _refused("could not be fetched") from error
        content_type = (response.headers.get("content-type") or "").partition(";")[0].strip().lower()
        return Media(content_type or "application/octet-stream", data)


def _refused(why: str) -> BadRequestError:
    return BadRequestError(f"A file named in the messages {why}.", param="messages")
