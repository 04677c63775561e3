"""The lines of a batch as a vendor gets them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from tianji_core.api.batches import BatchAPI
from tianji_core.api.call import Principal
from tianji_core.api.errors import GatewayError, UnsupportedCapabilityError
from tianji_core.gateway.attempt import Attempt
from tianji_core.gateway.batches.calls import Line, line_call, refused
from tianji_core.gateway.batches.choice import Choice, is_watched
from tianji_core.gateway.call import Call
from tianji_core.gateway.call import new_id as new_call_id
from tianji_core.gateway.native import NativeAttempt, speaks_natively
from tianji_core.store.objects import StoredObject

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway
    from tianji_core.routing import Deployment

READ = 1024 * 1024
MAX_REFUSED = 1000
"""Lines that may be refused here; a batch with more of them is no batch for a vendor."""


_NEEDS_MEMORY = frozenset({"previous_response_id", "conversation"})
"""Members of Responses that name what somebody keeps: the gateway has to look where."""


class UnfitError(Exception):
    """The vendor cannot be given these lines together; the gateway does them."""


class Parcel:
    """Collects lines for a vendor in a file on disk, each as if it were sent alone.

    The vendor knows a line by its number. What is wrong with single lines is `refused`, as lines of the output.
    """

    def __init__(self, gateway: Gateway, batch: StoredObject, principal: Principal, choice: Choice) -> None:
        api = choice.deployment.provider.batch_api
        assert api is not None  # noqa: S101 - see at_vendor
        self.api: BatchAPI = api
        self.choice = choice
        self.endpoint: str | None = None
        """What the vendor calls the kind of these calls."""
        self.count = 0
        self.size = 0
        self.refused: list[tuple[int, bytes]] = []
        self._gateway = gateway
        self._batch = batch
        self._principal = principal
        self._model: str | None = None
        self._headers: dict[str, list[str]] = {}
        self._file: IO[bytes] = TemporaryFile()  # noqa: SIM115 - closed with the parcel

    async def add(self, line: Line) -> None:
        """Take a line in. Raises UnfitError."""
        endpoint = self._batch.data["endpoint"]
        if _NEEDS_MEMORY.intersection(line.body):
            raise UnfitError
        call: Call | None = None
        try:
            call = line_call(self._gateway, endpoint, line, self._principal, self._batch.id)
            if self._model not in (None, call.model) or is_watched(self._gateway, call):
                raise UnfitError
            self._model = call.model
            model = self.choice.model
            request = await attempt_of(self._gateway, call, self.choice.deployment, model).written(model)
        except UnsupportedCapabilityError:
            raise UnfitError from None  # another deployment of the group may be able to
        except GatewayError as error:
            if len(self.refused) >= MAX_REFUSED:
                raise UnfitError from None
            id = call.id if call is not None else new_call_id()
            self.refused.append((line.number, refused(line.custom_id, id, error, endpoint)))
            return
        kind = self.api.endpoint(request)
        if kind is None or self.endpoint not in (None, kind):
            raise UnfitError
        self.endpoint = kind
        self._note(request.headers)
        text = self.api.line(f"line-{line.number}", kind, request)
        if self.count:
            text = self.api.between + text
        self.count += 1
        self.size += len(text)
        if self.count > self.api.max_lines or self.size > self.api.max_bytes:
            raise UnfitError
        self._file.write(text)

    async def content(self) -> AsyncIterator[bytes]:
        """The lines."""
        self._file.seek(0)
        while part := await asyncio.to_thread(self._file.read, READ):
            yield part

    async def wrapped(self) -> AsyncIterator[bytes]:
        """The same, as a body."""
        before, after = self.api.around()
        yield before
        async for part in self.content():
            yield part
        yield after

    def headers(self) -> list[tuple[str, str]]:
        """What the header fields of the calls say together."""
        return [(name, ",".join(values)) for name, values in self._headers.items()]

    def _note(self, headers: Iterable[tuple[str, str]]) -> None:
        for name, value in headers:
            if name.lower() in self.api.joined_headers:
                known = self._headers.setdefault(name.lower(), [])
                known += [each for part in value.split(",") if (each := part.strip()) not in known]

    def close(self) -> None:
        self._file.close()


def attempt_of(gateway: Gateway, call: Call, deployment: Deployment, model: str) -> Attempt:
    """What writes and reads a call for a deployment, without sending it. `model` is the vendor's name.

    Raises BadRequestError for what cannot be said to this vendor.
    """
    pipeline = gateway.pipeline
    call.deployment, call.group = deployment, call.model
    kind = NativeAttempt if speaks_natively(call, deployment, model) else Attempt
    return kind(
        call,
        deployment,
        pipeline.stats,
        keep=False,
        max_response=pipeline.max_response_bytes,
        counts=pipeline.counts_tokens,
    )
