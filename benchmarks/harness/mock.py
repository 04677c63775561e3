"""The mock upstream: nginx with two Lua answers (benchmarks/mock), in a prefix of its own."""

import shutil
from pathlib import Path

from harness.places import BENCH, LOAD_CORE, MOCK_PORT, WORK, BenchError, pinned
from harness.processes import Server

MODULE_FOLDERS = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/share/nginx/modules")
INSTALL = "apt-get install wrk nginx libnginx-mod-http-lua"


def check_tools() -> None:
    """wrk and nginx with Lua, or a line that says how to get them."""
    missing = [tool for tool, path in (("wrk", shutil.which("wrk")), ("nginx", _nginx())) if path is None]
    if not missing and _modules() is None:
        missing = ["nginx's Lua module"]
    if missing:
        raise BenchError(f"not installed: {', '.join(missing)}. On Debian or Ubuntu:  {INSTALL}")


def _nginx() -> str | None:
    # /usr/sbin is not on everybody's PATH.
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def _modules() -> Path | None:
    for folder in map(Path, MODULE_FOLDERS):
        if (folder / "ngx_http_lua_module.so").exists():
            return folder
    return None


def mock_upstream() -> Server:
    prefix = WORK / "nginx"
    (prefix / "tmp").mkdir(parents=True, exist_ok=True)
    config = (BENCH / "mock/nginx.conf").read_text()
    for name, value in (("MODULES", _modules()), ("MOCK", BENCH / "mock"), ("PORT", MOCK_PORT)):
        config = config.replace(f"@{name}@", str(value))
    (prefix / "nginx.conf").write_text(config)
    argv = pinned(LOAD_CORE, [_nginx() or "nginx", "-p", str(prefix), "-c", "nginx.conf", "-e", "error.log"])
    return Server("nginx", argv, port=MOCK_PORT, ready_path="/health", env={}, patience=10)
