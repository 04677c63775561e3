"""One TCP or TLS connection: bytes out, bytes in, time-outs, and its end."""

from __future__ import annotations

import asyncio
import select
import ssl
from math import inf
from typing import TYPE_CHECKING, cast

from .contract import Timeouts
from .deadline import Deadline
from .errors import (
    FirstByteTimeout,
    ReadTimeout,
    ResponseTruncated,
    TLSError,
    TotalTimeout,
    TransportError,
    TransportTimeout,
    WriteTimeout,
)
from .reader import DONE, IN_BODY, ResponseReader

if TYPE_CHECKING:
    from .pool import Pool
    from .response import HttptoolsResponse

_NOTHING_SENT = Timeouts()


class Connection(asyncio.Protocol):
    """An open connection of a pool: idle, or carrying one exchange.

    Whatever goes wrong, and whenever an exchange is given up, the connection is aborted and its slot freed at once;
    only an exchange that ran to its end on both sides gives the connection back for another.
    """

    __slots__ = (
        "_deadline",
        "_drained",
        "_loop",
        "_outbox",
        "_pool",
        "_probe",
        "_reader",
        "_reading_paused",
        "_response",
        "_timeouts",
        "_transport",
        "_unsent",
        "_unwritten",
        "_uploading",
        "_writing_paused",
        "idle_since",
        "served",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, pool: Pool) -> None:
        self._loop = loop
        self._pool = pool
        self._reader = ResponseReader(pool.limits)
        self._deadline = Deadline(loop, self._on_expired)
        self._transport: asyncio.Transport | None = None
        self._response: HttptoolsResponse | None = None
        self._timeouts = _NOTHING_SENT
        self._outbox = pool.outbox
        self._unwritten = b""  # of a request that is to be written at the end of this round of the loop
        self._probe: select.poll | None = None
        self._drained: asyncio.Future[None] | None = None
        self._unsent = inf  # bytes in the write buffer when a write time-out last looked
        self._uploading = self._writing_paused = self._reading_paused = False
        self.idle_since = 0.0
        self.served = 0
        """Exchanges carried so far."""

    # -- for the pool -----------------------------------------------------------------------------------------------

    def is_usable(self) -> bool:
        """Whether a request may be written: still open, and the server has sent nothing, nor its end, unasked.

        The kernel is asked directly, for the event loop may not have looked since; 0.4 µs against a request that
        would read somebody's late bytes as its answer.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        return self._probe is None or not self._probe.poll(0)

    def abort(self) -> None:
        """Close now, without a farewell. Whoever calls this looks after the slot."""
        self._unwritten = b""
        self._deadline.close()
        self._reader.release()
        if self._transport is not None:
            self._transport.abort()
        self._release_writer()

    # -- for the engine ---------------------------------------------------------------------------------------------

    def begin(
        self,
        response: HttptoolsResponse,
        data: bytes,
        timeouts: Timeouts,
        now: float,
        total_at: float,
        *,
        to_head: bool = False,
        uploading: bool = False,
    ) -> None:
        """Start an exchange with `data`, to be written at the end of this round of the event loop, see `outbox`.

        `uploading`: more will follow by `write`, up to `end_upload`.
        """
        self._response = response
        self._timeouts = timeouts
        transport = self._transport
        if transport is None or transport.is_closing():
            self._fail(ResponseTruncated, "connection closed before the request")
            return
        self._uploading = uploading
        self._reader.expect(response, to_head=to_head)
        self._deadline.start(now, timeouts.shortest, total_at)
        self._unwritten = data
        self._outbox.add(self)
        self._enter_sending_phase(now)

    def flush(self) -> None:
        """Write what waits for it."""
        data, self._unwritten = self._unwritten, b""
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)  # may call pause_writing

    async def write(self, data: bytes) -> bool:
        """Write a part of the body and wait until the socket has taken it; False if the exchange is over."""
        transport = self._transport
        if self._response is None or transport is None or transport.is_closing():
            return False
        self.flush()
        transport.write(data)
        if self._writing_paused:
            drained = self._drained = self._loop.create_future()
            try:
                await drained
            finally:
                self._drained = None
        return self._response is not None

    def end_upload(self) -> None:
        """All of the body has been written; from here the server is waited for."""
        if self._response is not None:
            self._uploading = False
            self._enter_sending_phase(self._loop.time())

    # -- for the response -------------------------------------------------------------------------------------------

    def resume_reading(self) -> None:
        """The reader has caught up."""
        if self._reading_paused:
            self._reading_paused = False
            self._enter_body_phase(self._loop.time())
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()

    def abandon(self) -> None:
        """The response is given up by its reader."""
        self._response = None
        self.abort()
        self._pool.release(self, reusable=False)

    # -- asyncio.Protocol -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # So that pause_writing .. resume_writing means "bytes of ours are not yet with the kernel" (1: with 0, the TLS
        # transport pauses for nothing).
        self._transport.set_write_buffer_limits(high=1, low=0)
        if hasattr(select, "poll"):
            self._probe = select.poll()
            self._probe.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        response = self._response
        if response is None:  # nobody asked: whatever it is, it must not become the answer to the next request
            self._leave_pool()
            return
        reader = self._reader
        response.touched = True
        stage = reader.stage
        try:
            reader.feed(data)
        except TransportError as error:
            self._fail(type(error), str(error))
            return
        if reader.stage == DONE:
            self._finish(response)
        elif reader.stage == IN_BODY:
            if stage == IN_BODY and not self._reading_paused:
                self._deadline.since = self._loop.time()
            else:
                self._enter_body_phase(self._loop.time())
            if response.progress() and not self._reading_paused:
                self._reading_paused = True
                self._deadline.patience = inf  # the silence that follows is our reader's, not the server's
                cast(asyncio.Transport, self._transport).pause_reading()

    def eof_received(self) -> None:
        """The server has said its last byte; returning None lets the event loop close our side."""
        response = self._response
        if response is None:
            self._leave_pool()
            return
        try:
            self._reader.eof()
        except TransportError as error:
            self._fail(type(error), str(error))
        else:
            self._finish(response)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = self._probe = None
        if exc is None:
            self.eof_received()  # uvloop leaves that call out when TLS ends without a farewell
        elif self._response is None:
            self._leave_pool()
        elif isinstance(exc, ssl.SSLError) and not self._response.touched:
            self._fail(TLSError, f"TLS refused by the server: {exc.reason}")  # TLS 1.3 tells after the handshake
        else:
            self._fail(ResponseTruncated, f"connection lost ({type(exc).__name__}) before the response was complete")

    def pause_writing(self) -> None:
        self._writing_paused = True
        if self._response is not None:
            self._enter_sending_phase(self._loop.time())

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._release_writer()
        if self._response is not None:
            self._enter_sending_phase(self._loop.time())

    # -- phases and their time-outs ---------------------------------------------------------------------------------

    def _enter_sending_phase(self, now: float) -> None:
        if self._reader.stage >= IN_BODY:
            return  # an early answer: its own phase counts
        deadline, timeouts = self._deadline, self._timeouts
        deadline.since = now
        if self._writing_paused:
            deadline.kind, patience = WriteTimeout, timeouts.write
            self._unsent = inf
        elif self._uploading:
            patience = None  # the caller's own iterable is waited for: only the total counts
        else:
            deadline.kind, patience = FirstByteTimeout, timeouts.first_byte
        deadline.patience = inf if patience is None else patience

    def _enter_body_phase(self, now: float) -> None:
        deadline, patience = self._deadline, self._timeouts.between_chunks
        deadline.since = now
        deadline.kind = ReadTimeout
        deadline.patience = inf if patience is None else patience

    def _on_expired(self, kind: type[TransportTimeout]) -> bool:
        if self._response is None:
            return False
        if kind is TotalTimeout:
            message = f"the exchange took longer than {self._timeouts.total} s"
        elif kind is WriteTimeout:
            unsent = 0 if self._transport is None else self._transport.get_write_buffer_size()
            if unsent < self._unsent:
                self._unsent = unsent
                return True
            message = f"the server took no request byte for {self._timeouts.write} s"
        elif kind is FirstByteTimeout:
            message = f"no response head within {self._timeouts.first_byte} s"
        else:
            message = f"silence inside the response body for {self._timeouts.between_chunks} s"
        self._fail(kind, message)
        return False

    # -- ends -------------------------------------------------------------------------------------------------------

    def _finish(self, response: HttptoolsResponse) -> None:
        """The message is complete: hand the connection on, or close it if anything is less than clean."""
        reusable = (
            self._reader.reusable
            and not self._uploading
            and not self._unwritten
            and not self._writing_paused
            and not cast(asyncio.Transport, self._transport).is_closing()
        )
        self._response = None
        self._reader.release()
        self._deadline.stop()
        self.served += 1
        if not reusable:
            self.abort()
        elif self._reading_paused:
            self._reading_paused = False
            cast(asyncio.Transport, self._transport).resume_reading()
        self._pool.release(self, reusable=reusable)
        response.finish()

    def _fail(self, kind: type[TransportError], message: str) -> None:
        response = self._response
        self._response = None
        self.abort()
        self._pool.release(self, reusable=False)
        if response is not None:
            response.fail(kind, f"{self._pool.origin}: {message}")

    def _leave_pool(self) -> None:
        """Closed, or no longer to be trusted, while idle."""
        self._pool.forget(self)
        self.abort()

    def _release_writer(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
