"""What waits for the end of a round of the event loop, and what does not."""

from __future__ import annotations

import asyncio

import pytest
import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl

from tianji_core.server import uvicorn_quick
from tianji_core.server.uvicorn_quick import HIGH_WATER, Outlet, pusher
from tianji_core.transport.outbox import Outbox


class Wire:
    """A transport that notes what happens to it, and of which connection it was."""

    def __init__(self, name, log):
        self.name, self.log = name, log
        self.closing = self.broken = False

    def write(self, data):
        if self.broken:
            raise RuntimeError("broken")
        self.log.append((self.name, data))

    def close(self):
        self.closing = True
        self.log.append((self.name, "closed"))

    def is_closing(self):
        return self.closing

    def get_extra_info(self, name):
        return f"{name} of {self.name}"


@pytest.fixture
def on_loop():
    """Runs `main(connect, log)`; `connect(name)` gives a transport and its outlet."""

    def run(main):
        async def outer():
            log = []
            outbox = Outbox(asyncio.get_running_loop())

            def connect(name):
                wire = Wire(name, log)
                return wire, Outlet(wire, outbox)

            await main(connect, log)

        asyncio.run(outer())

    return run


def test_one_write_for_each_connection_at_the_end_of_the_round(on_loop):
    async def main(connect, log):
        (_, a), (_, b) = connect("a"), connect("b")
        for part in (b"1", b"2", b"3"):
            a.write(part)
            b.write(part)
        assert log == []
        await asyncio.sleep(0)
        assert log == [("a", b"123"), ("b", b"123")]
        b.write(b"4")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert log[2:] == [("b", b"4")]

    on_loop(main)


def test_so_much_does_not_wait(on_loop):
    async def main(connect, log):
        _, outlet = connect("a")
        outlet.write(b"x" * HIGH_WATER)
        assert log == []
        outlet.write(b"y")
        assert log == [("a", b"x" * HIGH_WATER + b"y")]
        outlet.write(b"z")
        await asyncio.sleep(0)
        assert log[1:] == [("a", b"z")]

    on_loop(main)


def test_a_close_comes_after_what_was_written(on_loop):
    async def main(connect, log):
        _, outlet = connect("a")
        outlet.write(b"last")
        outlet.close()
        assert log == [("a", b"last"), ("a", "closed")]
        assert outlet.is_closing()
        outlet.write(b"too late")
        await asyncio.sleep(0)
        assert len(log) == 2

    on_loop(main)


def test_a_connection_that_fails_leaves_the_others_alone(on_loop):
    async def main(connect, log):
        failures = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        (broken, a), (_, b) = connect("a"), connect("b")
        broken.broken = True
        a.write(b"1")
        b.write(b"1")
        await asyncio.sleep(0)
        assert log == [("b", b"1")]
        assert len(failures) == 1

    on_loop(main)


def test_the_rest_of_a_transport_is_there(on_loop):
    async def main(connect, log):
        _, outlet = connect("a")
        assert outlet.get_extra_info("peername") == "peername of a"
        with pytest.raises(AttributeError):
            outlet.nothing_of_the_kind()

    on_loop(main)


def test_pieces_are_pushed_as_chunks_unless_the_client_has_to_be_waited_for(on_loop):
    async def main(connect, log):
        _, outlet = connect("a")
        flow = FlowControl(outlet)
        push = pusher(outlet, flow)
        outlet.write(b"head ")
        assert push(b"0123456789abcdefg")
        assert push(b"x")
        await asyncio.sleep(0)
        assert log == [("a", b"head 11\r\n0123456789abcdefg\r\n1\r\nx\r\n")]
        flow.pause_writing()
        assert not push(b"y")
        flow.resume_writing()
        assert push(b"z")
        outlet.close()
        assert not push(b"too late")
        await asyncio.sleep(0)
        assert log[1:] == [("a", b"1\r\nz\r\n"), ("a", "closed")]

    on_loop(main)


def test_only_for_versions_that_were_seen(monkeypatch):
    assert uvicorn.importer.import_from_string(uvicorn_quick.protocol()) is uvicorn_quick.QuickProtocol
    monkeypatch.setattr(uvicorn, "__version__", "0.999.0")
    assert uvicorn_quick.protocol() == "httptools"
