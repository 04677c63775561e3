"""Numbers by kind of error, as `retry_policy` and `allowed_fails_policy` give them."""

from __future__ import annotations

from collections.abc import Mapping

from tianji_core.api.errors import (
    AuthenticationError,
    BadGatewayError,
    BadRequestError,
    ContentPolicyViolationError,
    GatewayError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    ServiceUnavailableError,
)

ByError = Mapping[type[GatewayError], int]

NAMES: Mapping[str, type[GatewayError]] = {
    "AuthenticationError": AuthenticationError,
    "BadGatewayError": BadGatewayError,
    "BadRequestError": BadRequestError,
    "ContentPolicyViolationError": ContentPolicyViolationError,
    "Default": GatewayError,
    "InternalServerError": InternalServerError,
    "NotFoundError": NotFoundError,
    "PermissionDeniedError": PermissionDeniedError,
    "RateLimitError": RateLimitError,
    "ServiceUnavailableError": ServiceUnavailableError,
    "TimeoutError": RequestTimeoutError,
}
"""What the config calls the classes of errors; a suffix says what the number is."""


def number_for(table: ByError, error: GatewayError) -> int | None:
    """The number of the error's own class, or of the nearest one above it; None if the table has neither."""
    return next((table[kind] for kind in type(error).__mro__ if kind in table), None)
