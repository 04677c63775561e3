"""Answers that DeepSeek ended because it had no more room for them, as the errors that they are."""

from __future__ import annotations

from tianji_core.api.errors import ServiceUnavailableError
from tianji_core.api.provider import Body
from tianji_core.openai_compat.finish import ended_by

STARVED = "insufficient_system_resource"


def refuse_starved(body: Body) -> None:
    """Raises ServiceUnavailableError for a whole answer that ended so."""
    if ended_by(body, STARVED):
        raise ServiceUnavailableError("The provider ran out of resources while it answered.", code=STARVED)


def mark_starved(chunk: Body) -> None:
    """Make a chunk that ends a stream so an error, in place."""
    if ended_by(chunk, STARVED):
        chunk["error"] = {"message": "The provider ran out of resources.", "type": STARVED, "code": "503"}
