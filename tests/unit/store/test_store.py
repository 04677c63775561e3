"""The store as the gateway holds it: away, back, and shared by two gateways."""

from __future__ import annotations

import asyncio
import time

import pytest

from tianji_core.store import Store, StoreUnavailableError, check_url
from tianji_core.store import store as module
from tianji_core.store.objects import StoredObject
from tianji_core.testing.server import free_port


def test_a_default_database_is_made_when_it_is_needed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    async def main():
        store = Store()
        await store.start()
        assert store.opened is None
        assert list(tmp_path.iterdir()) == []
        opened = await store.ready()
        assert (tmp_path / "tianji.db").exists()
        assert await opened.ping()
        await store.aclose()
        again = Store()
        await again.start()
        assert again.opened is not None  # what is there may have work to go on with
        await again.aclose()

    asyncio.run(main())


def test_away_at_start_and_back_later(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "RETRY_AFTER", 0.2)
    folder = tmp_path / "later"

    async def main():
        store = Store(check_url(f"sqlite:///{folder}/store.db"))
        await store.start()
        started = time.monotonic()
        for _ in range(50):
            with pytest.raises(StoreUnavailableError) as raised:
                await store.ready()
        assert raised.value.http_status == 503
        assert raised.value.retry_after
        assert time.monotonic() - started < 0.2
        folder.mkdir()
        await asyncio.sleep(0.3)
        assert await (await store.ready()).ping()
        await store.aclose()

    asyncio.run(main())


def test_postgres_that_refuses_connections():
    async def main():
        store = Store(check_url(f"postgresql://nobody:hush@127.0.0.1:{free_port()}/test"))
        await store.start()
        with pytest.raises(StoreUnavailableError) as raised:
            await store.ready()
        assert "hush" not in str(raised.value)
        await store.aclose()

    asyncio.run(main())


def test_postgres_that_goes_away_while_it_is_used(postgres_url, postgres_cut):
    """Through a wire that can be cut: calls fail as 503, and work again when the database is back."""

    async def main():
        store = Store(check_url(postgres_cut.url(postgres_url)))
        opened = await store.ready()
        await opened.objects.add(StoredObject(id="file-1", kind="file", owner="a"))
        postgres_cut.cut()
        with pytest.raises(StoreUnavailableError):
            await opened.objects.get("file", "file-1", "a")
        assert not await opened.ping()
        postgres_cut.mend()
        found = await opened.objects.get("file", "file-1", "a")
        assert found is not None
        await store.aclose()

    asyncio.run(main())


def test_the_last_of_its_users_closes_it(tmp_path):
    async def main():
        store = Store(check_url(f"sqlite:///{tmp_path}/store.db"))
        await store.start()
        await store.start()
        await store.aclose()
        assert store.opened is not None
        assert store.is_for(check_url(f"sqlite:///{tmp_path}/store.db"))
        assert not store.is_for(None)
        await store.aclose()
        assert store.opened is None

    asyncio.run(main())


def test_what_has_expired_is_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SWEEP_EVERY", 0.01)

    async def main():
        store = Store(check_url(f"sqlite:///{tmp_path}/store.db"))
        await store.start()
        opened = await store.ready()
        gone = StoredObject(id="file-1", kind="file", owner="a", expires_at=time.time() - 1)
        await opened.objects.add(gone, b"content")
        while await opened.pieces.read_all(["file-1"]):
            await asyncio.sleep(0.01)
        await store.aclose()

    asyncio.run(main())


def test_the_end_waits_for_what_is_being_written(with_store):
    async def main(opened):
        at_work = asyncio.Event()

        async def write():
            async with opened.write() as connection:
                at_work.set()
                await asyncio.sleep(0.1)
                await connection.exec_driver_sql("UPDATE tianji_revision SET number = 7 WHERE family = 'fallbacks'")
            return True

        writing = asyncio.create_task(write())
        await at_work.wait()
        await opened.aclose()
        assert writing.done()
        assert await writing
        assert (await opened.rules.revisions())["fallbacks"] == 7

    with_store(main)


@pytest.mark.parametrize("when", ["before", "while", "after"])
def test_nobody_opens_it_again_after_the_end(tmp_path, when):
    """Whoever needs it late, however the end and the opening meet: nothing stays open that nobody would close."""

    async def main():
        store = Store(check_url(f"sqlite:///{tmp_path}/store.db"))
        await store.start()
        opening = [asyncio.create_task(store.ready()) for _ in range(2)] if when == "while" else []
        if when == "before":
            await store.ready()
        await asyncio.sleep(0)
        await store.aclose()
        await asyncio.gather(*opening, return_exceptions=True)
        assert store.opened is None
        with pytest.raises(StoreUnavailableError):
            await store.ready()
        assert store.opened is None
        await store.start()  # as its next user
        assert await (await store.ready()).ping()
        await store.aclose()

    asyncio.run(main())
