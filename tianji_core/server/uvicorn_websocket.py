"""Uvicorn's WebSocket on wsproto, with more patience.

A shutdown lets sessions go on until the drain is over, as it lets calls, and a client whose answer to a ping has not
been read yet is not taken for dead.

The class leaned on is internal to uvicorn, so this is only used with versions that the tests have seen.
"""

from __future__ import annotations

from uvicorn.protocols.websockets.wsproto_impl import WSProtocol


class PatientWebSocket(WSProtocol):
    """One connection."""

    def shutdown(self) -> None:
        # The server waits for the session, and cancels it when the time is up; then the application says goodbye.
        if self.close_sent:
            super().shutdown()

    def keepalive_timeout(self) -> None:
        if self.read_paused and not self.close_sent and not self.transport.is_closing():
            self.pong_timer = self.loop.call_later(self.ping_timeout or 1.0, self.keepalive_timeout)
            return
        super().keepalive_timeout()
