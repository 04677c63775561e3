"""Tianji: an LLM gateway made of plugins.

`create_app(config)` is an ASGI application; `Gateway.from_config(path)` calls models without a server. Both are
loaded on first use, so that importing the package stays cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tianji_core.gateway import Gateway
    from tianji_core.hookspecs import hookimpl
    from tianji_core.server import create_app

__version__ = "0.1.0"
__all__ = ["Gateway", "__version__", "create_app", "hookimpl"]

_HOMES = {"Gateway": "tianji_core.gateway", "create_app": "tianji_core.server", "hookimpl": "tianji_core.hookspecs"}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(home), name)
