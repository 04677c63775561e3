"""Work on large requests, done in a thread of its own, so that nobody else has to wait for it.

Reading two megabytes of JSON, translating thousands of messages and writing them down again takes a tenth of a second
and more. The thread holds the interpreter's lock while it works; it is asked for it often, so that the event loop has
its turns in between.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import ParamSpec, TypeVar

HEAVY = 128 * 1024
"""Bytes of a body from which on it is worth the thread's while: below, all of the work is some milliseconds."""
TURN = 0.0005
"""Seconds that the thread keeps the lock at most while somebody waits for it; the interpreter's own habit is 0.005."""

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """What the function gives or raises. One after the other: more threads would only fight for the lock."""
    return await asyncio.get_running_loop().run_in_executor(_executor(), lambda: function(*args, **named))


@cache
def _executor() -> ThreadPoolExecutor:
    sys.setswitchinterval(min(sys.getswitchinterval(), TURN))
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="tianji-heavy")
