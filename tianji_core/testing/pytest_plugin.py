"""Fixtures for plugin authors; pytest loads this by itself where tianji-core is installed.

Only what a test asks for is imported, and nothing changes for tests that ask for nothing.

    def test_a_call(tianji_gateway, fake_upstream): ...       # the gateway inside this process
    def test_over_http(tianji_server, fake_upstream): ...     # a real `tianji serve`
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from tianji_core.gateway import Gateway
    from tianji_core.testing.fake_upstream import FakeUpstream
    from tianji_core.testing.server import ServerProcess

Config = Mapping[str, Any] | str | Path

# Failing standard tests show their values, as tests in a test module do.
for _name in ("provider", "provider_kit", "standard", "routing", "callback", "guardrail", "auth"):
    if f"{__package__}.{_name}" not in sys.modules:
        pytest.register_assert_rewrite(f"{__package__}.{_name}")


class StartServer(Protocol):
    """Starts `tianji serve` with a config and returns once it is ready."""

    def __call__(
        self, config: Config, *args: str, env: Mapping[str, str] | None = None, timeout: float = 20.0
    ) -> ServerProcess: ...


@pytest.fixture
def fake_upstream() -> Iterator[FakeUpstream]:
    """A fake vendor that listens on `fake_upstream.url`; script it with `fake_upstream.answer(…)`."""
    from tianji_core.testing.fake_upstream import FakeUpstream

    with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture
def tianji_gateway() -> Callable[[Config], Gateway]:
    """Makes a gateway in this process: `async with tianji_gateway({"model_list": […]}) as gateway`."""

    def make(config: Config) -> Gateway:
        from tianji_core.gateway import Gateway

        return Gateway.from_config(config)

    return make


@pytest.fixture
def tianji_server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StartServer]:
    """Starts real gateways: `server = tianji_server({"model_list": […]})`, then talk to `server.url`.

    Each is stopped after the test; its log is shown if the test fails.
    """
    from tianji_core.testing.server import ServerProcess

    servers: list[ServerProcess] = []

    def start(config: Config, *args: str, env: Mapping[str, str] | None = None, timeout: float = 20.0) -> ServerProcess:
        server = ServerProcess(config, tmp_path / f"server{len(servers)}", args, env)
        servers.append(server)
        return server.start(timeout)

    yield start
    for server in servers:
        server.stop()
        request.node.add_report_section("teardown", f"log of tianji serve on port {server.port}", server.log())
