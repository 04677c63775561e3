"""The tree of errors a call can end with.

    GatewayError                      status  type in the body
    ├── BadRequestError               400     invalid_request_error
    │   ├── ContextWindowExceededError          (feeds context_window_fallbacks)
    │   ├── ContentPolicyViolationError         (feeds content_policy_fallbacks)
    │   ├── UnsupportedParamsError              the provider has no such OpenAI parameter
    │   ├── UnsupportedCapabilityError          the provider lacks the operation or the kind of input
    │   └── GuardrailBlockedError               never retried, never falls back
    ├── AuthenticationError           401     authentication_error
    ├── PaymentRequiredError          402     insufficient_quota
    ├── PermissionDeniedError         403     permission_error
    ├── NotFoundError                 404     invalid_request_error
    ├── RequestTimeoutError           408     invalid_request_error
    ├── ConflictError                 409     invalid_request_error
    ├── RequestTooLargeError          413     invalid_request_error
    ├── UnprocessableEntityError      422     invalid_request_error
    ├── RateLimitError                429     throttling_error
    ├── ClientClosedError             499     (never sent: the client has gone)
    └── InternalServerError           500     internal_server_error
        ├── APIConnectionError        500     the vendor could not be reached, or its answer broke off
        ├── BadGatewayError           502     the vendor's answer makes no sense
        ├── ServiceUnavailableError   503
        └── OverloadedError           529     Anthropic's "overloaded"

Each knows what the caller's body needs, in whatever dialect it is written down (`tianji_core.wire`), and what the
router needs: whether another try may help, and when.
"""

from __future__ import annotations

from typing import Any, ClassVar

from tianji_core.api.http import Headers

RETRYABLE_STATUSES = frozenset({408, 409, 429})
"""With all of 500 and above: another try may help."""


class GatewayError(Exception):
    """A call that ended in an error.

    `message` goes to the caller: no secret, no host name, no traceback belongs in it. `param` names the offending
    request parameter. `code` is the vendor's own code, for the router and the logs. `retry_after` is in seconds.
    `deployment_id` is the row of the config that the failed try went to.
    `headers` are the vendor's header fields, of which the server passes on the harmless ones. `detail` is added to
    an OpenAI-shaped body as `provider_specific_fields`.
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = "internal_server_error"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        type: str | None = None,
        param: str | None = None,
        code: str | None = None,
        provider: str | None = None,
        retry_after: float | None = None,
        headers: Headers | None = None,
        detail: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.http_status = self.status if status is None else status
        self.error_type = self.type if type is None else type
        self.param = param
        self.code = code
        self.provider = provider
        self.deployment_id: str | None = None
        self.retry_after = retry_after
        self.headers = headers
        self.detail = detail

    @property
    def retryable(self) -> bool:
        """Whether the same call, sent once more, may succeed."""
        return self.http_status in RETRYABLE_STATUSES or self.http_status >= 500

    def __str__(self) -> str:
        return self.message


class BadRequestError(GatewayError):
    status = 400
    type = "invalid_request_error"


class ContextWindowExceededError(BadRequestError):
    """The prompt is longer than the model takes."""


class ContentPolicyViolationError(BadRequestError):
    """The vendor's own content filter refused the prompt."""


class UnsupportedParamsError(BadRequestError):
    """OpenAI parameters that this provider or model does not have, and `drop_params` is off."""


class UnsupportedCapabilityError(BadRequestError):
    """An operation or a kind of input that this provider does not have."""


class GuardrailBlockedError(BadRequestError):
    """A guardrail refused the call or its answer. An `answer` is what the caller gets, as if the model had said it."""

    def __init__(self, message: str, *, answer: str | None = None, **named: Any) -> None:
        super().__init__(message, **named)
        self.answer = answer

    @property
    def retryable(self) -> bool:
        return False


class AuthenticationError(GatewayError):
    status = 401
    type = "authentication_error"


class PaymentRequiredError(GatewayError):
    status = 402
    type = "insufficient_quota"


class PermissionDeniedError(GatewayError):
    status = 403
    type = "permission_error"


class NotFoundError(GatewayError):
    status = 404
    type = "invalid_request_error"


class RequestTimeoutError(GatewayError):
    status = 408
    type = "invalid_request_error"


class ConflictError(GatewayError):
    status = 409
    type = "invalid_request_error"


class RequestTooLargeError(GatewayError):
    status = 413
    type = "invalid_request_error"


class UnprocessableEntityError(GatewayError):
    status = 422
    type = "invalid_request_error"


class RateLimitError(GatewayError):
    status = 429
    type = "throttling_error"


class ClientClosedError(GatewayError):
    """The client went away before its answer was complete; 499 is nginx's number for it."""

    status = 499
    type = "client_closed_request"

    @property
    def retryable(self) -> bool:
        return False


class InternalServerError(GatewayError):
    status = 500
    type = "internal_server_error"


class APIConnectionError(InternalServerError):
    """The vendor could not be reached, or the connection broke before the answer was whole."""


class BadGatewayError(InternalServerError):
    status = 502


class ServiceUnavailableError(InternalServerError):
    status = 503


class OverloadedError(InternalServerError):
    status = 529


_BY_STATUS: dict[int, type[GatewayError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: PaymentRequiredError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: RequestTimeoutError,
    409: ConflictError,
    413: RequestTooLargeError,
    422: UnprocessableEntityError,
    429: RateLimitError,
    499: ClientClosedError,
    500: InternalServerError,
    502: BadGatewayError,
    503: ServiceUnavailableError,
    504: RequestTimeoutError,
    529: OverloadedError,
}


def error_class_for(status: int) -> type[GatewayError]:
    """The class of a vendor's HTTP status: 504, 522, 524 are time-outs, unknown ones go by their hundred."""
    found = _BY_STATUS.get(status)
    if found is not None:
        return found
    if status in (522, 524):
        return RequestTimeoutError
    return BadRequestError if 400 <= status < 500 else InternalServerError
