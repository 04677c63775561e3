"""Vendors that keep files, as plugins describe them.

What they have in common with OpenAI: `POST /files` takes a form and answers with an object that has an `id`,
`GET /files/{id}/content` gives the content, `DELETE /files/{id}` forgets it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FilesAPI:
    """How a vendor's files API differs from OpenAI's.

    `purposes` are what it takes files for; None if it does not ask. `least_life` is the least that it takes as
    `expires_after[seconds]`; None if it does not know that. `headers` are sent with every request.
    """

    purposes: frozenset[str] | None = frozenset({"assistants", "batch", "fine-tune", "vision", "user_data", "evals"})
    least_life: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
