"""The files of a config that change while a gateway starts, and afterwards."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

from tianji_core.server import watching


@pytest.mark.parametrize(("late", "changes"), [(1, 1), (-1, 0), (None, 0)])
def test_what_changed_since_it_was_read_is_a_change(tmp_path, monkeypatch, late, changes):
    monkeypatch.setattr(watching, "EVERY", 0.02)
    file = tmp_path / "config.yaml"
    file.write_text("a: 1")
    now = time.time_ns()
    read_at = None if late is None else now - late * 1_000_000_000
    os.utime(file, ns=(now, now))
    seen = []

    async def main():
        task = asyncio.create_task(watching.watch(lambda: [file], lambda: seen.append(1), read_at))
        await asyncio.sleep(0.15)
        assert len(seen) == changes
        file.write_text("a: 22")
        await asyncio.sleep(0.3)
        task.cancel()

    asyncio.run(main())
    assert len(seen) == changes + 1
