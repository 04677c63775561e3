"""Bytes of a connection -> one response: framing, limits, and whether the connection is fit for another.

Pure: no sockets, no clock. llhttp (through httptools) does the parsing in its strict mode; what it leaves open is
decided here. One reader lives as long as its connection and is told of each request by `expect`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httptools

from tianji_core.api.http import Headers

from .contract import Limits
from .decompress import decompressor_for
from .errors import LimitExceeded, ProtocolError, ResponseTruncated, TransportError

if TYPE_CHECKING:
    from .response import HttptoolsResponse

WAITING, IN_HEAD, IN_BODY, DONE = range(4)
"""Stages of a response: nothing yet (or only 1xx), inside a head, inside the body, complete."""

_NO_BODY = frozenset({204, 304})
_DESCRIBES_CODED = frozenset({"content-encoding", "content-length"})


class ResponseReader:
    """Feeds one response after the other, each into the object given to `expect`.

    `reusable` holds once the stage is DONE: the message said how long it was, nothing followed it, and neither side
    asked to close.
    """

    __slots__ = (
        "_arrived",
        "_ends_at_eof",
        "_fields",
        "_limits",
        "_no_body",
        "_overhead",
        "_parser",
        "_response",
        "_size_before",
        "reusable",
        "stage",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parser = httptools.HttpResponseParser(self)
        self._response: HttptoolsResponse | None = None
        self._fields: list[tuple[bytes, bytes]] = []
        self._no_body = False
        self._ends_at_eof = False
        self._overhead = 0  # bytes taken in since the last body byte (or since the request)
        self._arrived = 0  # bytes that are being taken in
        self.stage = DONE
        self.reusable = False

    def expect(self, response: HttptoolsResponse, *, to_head: bool) -> None:
        """A request goes out; what comes back belongs to `response`. `to_head`: the request's method is HEAD."""
        self._response = response
        self._no_body = to_head
        self._fields = []
        self._overhead = 0
        self.stage = WAITING
        self.reusable = False

    def feed(self, data: bytes) -> None:
        """Take in what arrived. Raises ProtocolError or LimitExceeded; the connection is then of no more use."""
        response = self._response
        if response is None:
            raise ProtocolError("bytes outside of a response", sent=True)
        received = response.received
        self._arrived = len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as problem:
            if self.stage == DONE:  # the response itself is whole; only what follows it is not
                self.reusable = False
                return
            raise self._explain(problem) from None
        if self.stage == DONE:
            return
        if self.stage == IN_BODY and response.received != received:
            self._overhead = 0
            return
        # Neither a body byte nor an end: a head, a chunk header or a trailer that goes on and on.
        self._overhead += len(data)
        if self._overhead > self._limits.max_head_bytes:
            raise LimitExceeded(f"more than {self._limits.max_head_bytes} bytes of response head or framing", sent=True)

    def eof(self) -> None:
        """The server ended the stream: the end of a close-delimited body. Raises ResponseTruncated for any other."""
        if self.stage == IN_BODY and self._ends_at_eof:
            self.stage = DONE
            self.reusable = False
        elif self.stage == IN_BODY:
            raise ResponseTruncated("connection ended inside the response body", sent=True)
        elif self.stage != DONE:
            raise ResponseTruncated("connection ended before a response head", sent=True)

    def release(self) -> None:
        """The response is done with; hold nothing of it."""
        self._response = None

    # -- called by the parser ---------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self.stage == DONE:
            raise ProtocolError("bytes behind the response", sent=True)
        self.stage = IN_HEAD

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        fields = self._fields
        self._fields = []  # trailers land here and are dropped with the next request
        status = self._parser.get_status_code()
        length: str | None = None
        chunked = False
        coding: str | None = None
        lowered: list[tuple[str, str]] = []
        for raw_name, raw_value in fields:
            name = raw_name.decode("latin-1").lower()
            # llhttp leaves white space behind a value, which is not part of it (RFC 9110 §5.5).
            value = raw_value.rstrip(b" \t").decode("latin-1")
            lowered.append((name, value))
            if name == "content-length":
                length = value
            elif name == "transfer-encoding":
                # We never send TE, so nothing but one plain "chunked" is due; anything else is how smuggling starts.
                if chunked or value.strip().lower() != "chunked":
                    raise ProtocolError("unsupported transfer-encoding", sent=True)
                chunked = True
            elif name == "content-encoding":
                coding = value if coding is None else f"{coding},{value}"
        headers = Headers.of_lowered(lowered)
        if status < 200:
            if (status < 102 and status != 100) or chunked or length is not None:
                raise ProtocolError("unexpected informational response", sent=True)
            self.stage = WAITING
            return
        self._check_size(fields)
        response = self._response
        if response is None:  # cannot be: on_message_begin refuses a message nobody expects
            raise ProtocolError("bytes outside of a response", sent=True)
        self.stage = IN_BODY
        self._overhead = 0
        bodyless = self._no_body or status in _NO_BODY
        self._ends_at_eof = not (bodyless or chunked or length is not None)
        response.status = status
        if coding is not None and not bodyless and (decompressor := decompressor_for(coding)) is not None:
            response.decompressor = decompressor
            headers = Headers([field for field in headers if field[0] not in _DESCRIBES_CODED])
        response.headers = headers
        if self._no_body:
            # llhttp does not know that this answers a HEAD and would go on to read a body: stop it here. Its state
            # is then spoilt, so the connection is not used again.
            self.stage = DONE
            raise ProtocolError("stop", sent=True)

    def on_body(self, data: bytes) -> None:
        response = self._response
        if response is not None:
            response.received += len(data)
            response.buffered += len(data)
            response.pieces.append(data)

    def on_message_complete(self) -> None:
        if self.stage == IN_BODY:
            self.stage = DONE
            self.reusable = self._parser.should_keep_alive()

    # -- in words ---------------------------------------------------------------------------------------------------

    def _check_size(self, fields: list[tuple[bytes, bytes]]) -> None:
        """Raises LimitExceeded if the head is larger than allowed even though it came in at once."""
        limits = self._limits
        if len(fields) > limits.max_headers:
            raise LimitExceeded(f"response head has more than {limits.max_headers} fields", sent=True)
        if self._overhead + self._arrived <= limits.max_head_bytes:
            return  # all of it, and what came with it, is smaller than that
        if sum(len(name) + len(value) + 4 for name, value in fields) > limits.max_head_bytes:
            raise LimitExceeded(f"response head has more than {limits.max_head_bytes} bytes", sent=True)

    def _explain(self, problem: Exception) -> TransportError:
        """The error of ours for one of the parser's: its own texts are constant and quote no data."""
        ours = problem.__context__
        if isinstance(ours, TransportError):
            return type(ours)(str(ours), sent=True)
        if isinstance(problem, httptools.HttpParserUpgrade):
            return ProtocolError("unexpected switch of protocols", sent=True)
        where = "body" if self.stage == IN_BODY else "head"
        return ProtocolError(f"malformed response {where}: {problem}", sent=True)
