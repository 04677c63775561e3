"""Vendors that do batches, as plugins describe them: how many calls are handed over at once, and what comes of them.

Each call is built by `Provider.build_request` as if it were sent alone, and each result is read by
`Provider.parse_response`. What is left to say is how the vendor wants the calls put together. Pure, like providers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

from tianji_core.api.http import UpstreamRequest
from tianji_core.api.pass_through import PassThrough

Ended = Literal["completed", "failed", "expired", "cancelled"]


@dataclass(frozen=True, slots=True)
class BatchState:
    """How a batch at a vendor is. `ended` is None while it is under way."""

    ended: Ended | None = None
    completed: int = 0
    failed: int = 0
    errors: Sequence[Mapping[str, Any]] = ()
    """Why it has failed as a whole, as OpenAI tells it: `code`, `message`, `line`, `param`."""
    results: tuple[PassThrough, ...] = ()
    """The requests whose answers hold the results, as JSON lines."""


class BatchResult(NamedTuple):
    """What came of one call: the answer that it would have got alone."""

    custom_id: str
    status: int
    body: Any


class BatchAPI(ABC):
    """A vendor's batches. Its requests go by `Provider.build_pass_through`."""

    max_lines: ClassVar[int] = 50_000
    max_bytes: ClassVar[int] = 200 * 1024 * 1024
    uploads: ClassVar[bool] = False
    """Whether the calls have to be at the vendor as a file first (`Provider.files_api`), with the purpose `batch`."""
    own_rows: bool = False
    """Whether the vendor does batches in deployments only that are made for them, so that the row has to say
    `mode: batch` (Azure)."""
    between: ClassVar[bytes] = b"\n"
    """What stands between two lines."""
    joined_headers: ClassVar[frozenset[str]] = frozenset()
    """Header fields (lower case) of the single calls that go with the batch, their values joined by commas."""

    @abstractmethod
    def endpoint(self, request: UpstreamRequest) -> str | None:
        """What the vendor calls the kind of this call; None if it does not take it in batches."""

    @abstractmethod
    def line(self, custom_id: str, endpoint: str, request: UpstreamRequest) -> bytes:
        """The line for a call. `custom_id` is of letters, digits and hyphens."""

    @abstractmethod
    def create(self, batch_id: str, endpoint: str, file_id: str | None) -> PassThrough:
        """The request that makes the batch, of the vendor's id of the file that holds the lines.

        Without a file the core puts the lines in as the body, with `around` around them.
        """

    def around(self) -> tuple[bytes, bytes]:
        """What stands before and after the lines in the body, if they go without a file."""
        return b"", b""

    @abstractmethod
    def get(self, vendor_id: str) -> PassThrough:
        """The request that tells how a batch is."""

    @abstractmethod
    def cancel(self, vendor_id: str) -> PassThrough:
        """The request that ends a batch before its time."""

    def find(self, batch_id: str) -> PassThrough | None:
        """The request that lists recent batches, to find one that was made while nobody heard of it; None if batches
        cannot be told apart there."""
        return None

    def found(self, batch_id: str, answer: Mapping[str, Any]) -> str | None:
        """The vendor's id of our batch in that list."""
        return None

    @abstractmethod
    def state(self, answer: Mapping[str, Any]) -> BatchState:
        """What an answer to `create`, `get` or `cancel` says. Raises ValueError or KeyError if it makes no sense."""

    @abstractmethod
    def result(self, line: Mapping[str, Any]) -> BatchResult | None:
        """What a line of the results says; None if the call was never made. Raises ValueError or KeyError."""
