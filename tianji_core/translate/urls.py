"""Names of models inside addresses."""

from __future__ import annotations

from urllib.parse import quote

from tianji_core.api.errors import BadRequestError


def model_path(model: str) -> str:
    """A model's name, which may hold slashes, as a part of a path.

    Raises BadRequestError for a name that would lead elsewhere.
    """
    segments = model.split("/")
    if any(segment in ("", ".", "..") for segment in segments):
        raise BadRequestError(f"No model has a name like {model!r}.", param="model")
    return "/".join(quote(segment, safe="@:") for segment in segments)
