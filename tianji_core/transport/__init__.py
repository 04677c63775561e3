"""The only place of the core that talks HTTP to upstreams.

One contract (`Transport.send(UpstreamRequest) -> UpstreamResponse`) and two engines that keep it:

- `HttptoolsTransport`, the default of the hot path: HTTP/1.1 over TCP and TLS.
- `HttpxTransport` for what needs it: HTTP proxies, HTTP/2, odd set-ups, and all that is off the hot path.
"""

from .contract import (
    BODY_LIMIT,
    DEFAULT_LIMITS,
    DEFAULT_TIMEOUTS,
    Limits,
    Timeouts,
    Transport,
    UpstreamResponse,
)
from .errors import (
    ConnectError,
    ConnectTimeout,
    FirstByteTimeout,
    ForbiddenAddress,
    InvalidRequest,
    LimitExceeded,
    PoolTimeout,
    ProtocolError,
    ReadTimeout,
    ResponseTruncated,
    TLSError,
    TotalTimeout,
    TransportError,
    TransportTimeout,
    WriteTimeout,
)
from .httptools_engine import HttptoolsTransport
from .httpx_engine import HttpxTransport

__all__ = [
    "BODY_LIMIT",
    "DEFAULT_LIMITS",
    "DEFAULT_TIMEOUTS",
    "ConnectError",
    "ConnectTimeout",
    "FirstByteTimeout",
    "ForbiddenAddress",
    "HttptoolsTransport",
    "HttpxTransport",
    "InvalidRequest",
    "LimitExceeded",
    "Limits",
    "PoolTimeout",
    "ProtocolError",
    "ReadTimeout",
    "ResponseTruncated",
    "TLSError",
    "Timeouts",
    "TotalTimeout",
    "Transport",
    "TransportError",
    "TransportTimeout",
    "UpstreamResponse",
    "WriteTimeout",
]
