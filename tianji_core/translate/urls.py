"""Names of models inside addresses, paths below them, and addresses of WebSockets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

from tianji_core.api.errors import BadRequestError


def model_path(model: str) -> str:
    """A model's name, which may hold slashes, as a part of a path.

    Raises BadRequestError for a name that would lead elsewhere.
    """
    segments = model.split("/")
    if any(segment in ("", ".", "..") for segment in segments):
        raise BadRequestError(f"No model has a name like {model!r}.", param="model")
    return "/".join(quote(segment, safe="@:") for segment in segments)


_VERSION = re.compile(r"v\d+[a-z0-9]*")


def below(base: str, path: str) -> str:
    """A path (it begins with a slash) at a base, whose last segments it may repeat.

    `/chat` and `/v1/chat` at `https://acme.example/openai/v1` are the same; a version other than the base's takes its
    place: `/v2/rank` is at `https://acme.example/openai/v2/rank`.
    """
    base = base.partition("?")[0].rstrip("/")
    segments = urlsplit(base).path.split("/")[1:]
    asked = path.split("/")[1:]
    for size in range(len(segments), 0, -1):
        if asked[:size] == segments[-size:]:
            return _up(base, size) + path
    if segments and _VERSION.fullmatch(segments[-1]) and _VERSION.fullmatch(asked[0]):
        return _up(base, 1) + path
    return base + path


def _up(base: str, levels: int) -> str:
    for _ in range(levels):
        base = base.rpartition("/")[0]
    return base


def websocket_url(url: str, query: Mapping[str, str]) -> str:
    """An http(s) address as one of a WebSocket, with these members in its query."""
    if url.startswith("http"):
        url = f"ws{url.removeprefix('http')}"
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"
