"""Secrets from elsewhere: `os.environ/NAME` looked up in the sources that plugins bring, before the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tianji_core.config import Loaded, load
from tianji_core.discovery import PluginError, Registry

_NAME = re.compile(r"os\.environ/([A-Za-z_][A-Za-z0-9_]*)")


def with_secrets(loaded: Loaded, registry: Registry) -> Loaded:
    """The config read once more with the secret sources of its `plugins:`; the same config if there are none.

    Only what the config's files name is asked for. Raises ConfigError like any load, and whatever a source raises.
    """
    if loaded.path is None or not loaded.config.plugins:
        return loaded
    for name in loaded.config.plugins:
        try:
            registry.load_extension(name)
        except PluginError:
            return loaded  # the compiler meets the same error and tells it with its line
    environ = dict(os.environ)
    found = False
    for registered in registry.registered("secret_source"):
        settings: Any = registered.settings() if registered.settings is not None else {}
        source: Mapping[str, str] = registered.factory(settings)
        for name in _wanted(loaded.files):
            value = source.get(name)
            if value is not None:
                environ[name] = value
                found = True
    return load(loaded.path, environ) if found else loaded


def _wanted(files: Iterable[Path]) -> set[str]:
    return {name for file in files for name in _NAME.findall(file.read_text("utf-8"))}
