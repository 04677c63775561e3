"""Google's JSON shapes (Google's "API error model": `google.rpc.Status` in JSON, `google.rpc.RetryInfo`)."""

from __future__ import annotations

from typing import Any

STATUS_OF_CODE = {
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "CANCELLED": 499,
    "DEADLINE_EXCEEDED": 504,
    "FAILED_PRECONDITION": 400,
    "INTERNAL": 500,
    "INVALID_ARGUMENT": 400,
    "NOT_FOUND": 404,
    "OUT_OF_RANGE": 400,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "UNAUTHENTICATED": 401,
    "UNAVAILABLE": 503,
}
"""Google's words for errors, and the HTTP status that each comes with."""
_CODES = {
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}


def error_code(status: int) -> str:
    """Google's word for an HTTP status."""
    return _CODES.get(status) or ("INVALID_ARGUMENT" if 400 <= status < 500 else "INTERNAL")


def error_body(message: str, status: int, code: str | None = None, retry_after: float | None = None) -> dict[str, Any]:
    """An error as Google's clients expect it. `code` is a vendor's word, told if it is Google's and fits the status;
    `retry_after` is in seconds.
    """
    known = code if code is not None and STATUS_OF_CODE.get(code) == status else error_code(status)
    error: dict[str, Any] = {"code": status, "message": message, "status": known}
    if retry_after is not None:
        delay = f"{max(0.0, retry_after):.3f}".rstrip("0").rstrip(".")
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{delay}s"}]
    return {"error": error}
