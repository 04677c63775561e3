"""What can go wrong between us and an upstream, as one small tree.

    TransportError                 anything below; `sent` tells whether request bytes may have reached the server
    ├── InvalidRequest             the request itself cannot be put on a wire (bad url, CR/LF/NUL in a header)
    ├── ConnectError               no connection: name, TCP or TLS
    │   ├── ForbiddenAddress       the name stands for an address that this transport may not connect to
    │   └── TLSError               certificate, host name or handshake refused
    ├── ProtocolError              the server talked, but not HTTP/1.1 as we accept it
    ├── ResponseTruncated          the connection ended inside a framed body, or before a response head
    ├── LimitExceeded              head, header count or body larger than allowed
    └── TransportTimeout           base of the time-outs (also a `TimeoutError`)
        ├── ConnectTimeout         DNS + TCP + TLS took too long
        ├── PoolTimeout            no connection slot became free
        ├── WriteTimeout           the server stopped taking our bytes
        ├── FirstByteTimeout       request sent, no response head
        ├── ReadTimeout            silence inside a body
        └── TotalTimeout           the exchange as a whole took too long

Messages name origins, header names and limits; never header values, query strings or bodies, which are secrets.
"""

from __future__ import annotations


class TransportError(Exception):
    """Base of the tree.

    `sent` is False only where it is certain that no byte of the request left for the server: then the call may be
    repeated elsewhere whatever its method.
    """

    sent: bool

    def __init__(self, message: str, *, sent: bool = False) -> None:
        super().__init__(message)
        self.sent = sent


class InvalidRequest(TransportError):
    """The request cannot be written as HTTP/1.1; nothing was sent."""


class ConnectError(TransportError):
    """No connection to the origin could be made."""


class ForbiddenAddress(ConnectError):
    """The host has no public address, and the transport connects to public ones only."""


class TLSError(ConnectError):
    """The TLS handshake failed: certificate, host name, protocol version."""


class ProtocolError(TransportError):
    """The server sent something that is not an acceptable HTTP/1.1 response."""


class ResponseTruncated(TransportError):
    """The connection ended before the response did."""


class LimitExceeded(TransportError):
    """The response is larger than a limit allows."""


class TransportTimeout(TransportError, TimeoutError):
    """Base of all time-outs."""


class ConnectTimeout(TransportTimeout):
    """DNS, TCP and TLS together took longer than `Timeouts.connect`."""


class PoolTimeout(TransportTimeout):
    """No connection slot became free within `Timeouts.pool`."""


class WriteTimeout(TransportTimeout):
    """The server took no request byte for `Timeouts.write`."""


class FirstByteTimeout(TransportTimeout):
    """No response head within `Timeouts.first_byte` of the request being sent."""


class ReadTimeout(TransportTimeout):
    """No body byte for `Timeouts.between_chunks`."""


class TotalTimeout(TransportTimeout):
    """The exchange took longer than `Timeouts.total`."""
