"""Names of models inside addresses, and addresses of WebSockets."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from tianji_core.api.errors import BadRequestError


def model_path(model: str) -> str:
    """A model's name, which may hold slashes, as a part of a path.

    Raises BadRequestError for a name that would lead elsewhere.
    """
    segments = model.split("/")
    if any(segment in ("", ".", "..") for segment in segments):
        raise BadRequestError(f"No model has a name like {model!r}.", param="model")
    return "/".join(quote(segment, safe="@:") for segment in segments)


def websocket_url(url: str, query: Mapping[str, str]) -> str:
    """An http(s) address as one of a WebSocket, with these members in its query."""
    if url.startswith("http"):
        url = f"ws{url.removeprefix('http')}"
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"
