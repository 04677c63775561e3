"""The sink: batches of calls become objects."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.util import find_spec

from tianji_callback_s3.bucket import Bucket
from tianji_callback_s3.objects import objects_of
from tianji_callback_s3.settings import S3Settings
from tianji_core.api.callback import Callback, CallRecord, DeliveryError

_INLINE = 50
"""Calls up to which an object is made on the event loop; more are work for a thread."""


class S3(Callback):
    """Puts finished calls into a bucket."""

    wants_content = True

    def __init__(self, settings: S3Settings) -> None:
        """Raises ValueError for an address that cannot be used, and for Parquet without its library."""
        if settings.s3_format == "parquet" and find_spec("pyarrow") is None:
            raise ValueError("s3_format: parquet needs an extra: pip install 'tianji-callback-s3[parquet]'")
        self._settings = settings
        self._bucket = Bucket(settings)
        self.batch_size = settings.s3_batch_size
        self.flush_interval = settings.s3_flush_interval
        self.deadline = 2 * settings.timeout + 1

    async def on_calls(self, records: Sequence[CallRecord]) -> None:
        few = len(records) <= _INLINE
        objects = (
            objects_of(records, self._settings) if few else await asyncio.to_thread(objects_of, records, self._settings)
        )
        for number, each in enumerate(objects):
            try:
                await self._bucket.put(each.key, each.body, each.content_type, each.encoding)
            except DeliveryError as error:
                error.taken = number if len(objects) == len(records) else 0
                raise

    async def aclose(self) -> None:
        await self._bucket.aclose()
