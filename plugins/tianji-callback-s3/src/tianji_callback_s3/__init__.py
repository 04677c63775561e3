"""The callback `s3_v2`, or `s3`: finished calls as objects in S3, or in what speaks its API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tianji_callback_s3.callback import S3
from tianji_callback_s3.settings import S3Settings
from tianji_core import hookimpl

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

NAMES = ("s3", "s3_v2")
__all__ = ["NAMES", "S3", "S3Settings"]


@hookimpl
def tianji_register_callbacks(register: Register) -> None:
    for name in NAMES:
        register(name, S3, settings=S3Settings)
