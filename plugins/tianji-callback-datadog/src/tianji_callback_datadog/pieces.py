"""Many pieces of JSON in requests of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tianji_core.api.callback import DeliveryError
from tianji_core.telemetry.sender import HttpSender


async def send_in_pieces(
    sender: HttpSender, pieces: Sequence[bytes], most: int, wrap: Callable[[bytes], bytes]
) -> None:
    """Send so many bytes at once; a larger piece goes alone. Raises DeliveryError, with how many pieces were taken."""
    first = 0
    while first < len(pieces):
        size, last = len(pieces[first]), first + 1
        while last < len(pieces) and size + len(pieces[last]) <= most:
            size += len(pieces[last])
            last += 1
        try:
            await sender.post(wrap(b",".join(pieces[first:last])))
        except DeliveryError as error:
            error.taken = first
            raise
        first = last
