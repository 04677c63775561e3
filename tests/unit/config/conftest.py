from __future__ import annotations

import importlib.util
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tianji_core.config import ConfigError, Loaded, Report, load


def _script(name: str) -> None:
    """Make scripts/NAME.py importable as scripts_NAME."""
    path = Path(__file__).parents[3] / "scripts" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"scripts_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[f"scripts_{name}"] = module
    spec.loader.exec_module(module)


_script("config_reference")

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write proxy_config.yaml (and further files by name) and give its path."""

    def write(text: str | bytes, **others: str) -> Path:
        for name, content in others.items():
            path = tmp_path / name.replace("__", "/").replace("_yaml", ".yaml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(content))
        path = tmp_path / "proxy_config.yaml"
        path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
        return path

    return write


@pytest.fixture
def loads(write: Write) -> Callable[..., Loaded]:
    """Load a text with no variables but those given."""
    return lambda text, environ=None, **others: load(write(text, **others), environ or {})


@pytest.fixture
def report(write: Write) -> Callable[..., Report]:
    """The report of a text, whether it loads or not."""

    def report(text: str | bytes, environ: dict[str, str] | None = None, **others: str) -> Report:
        try:
            return load(write(text, **others), environ or {}).report
        except ConfigError as error:
            return error.report

    return report
