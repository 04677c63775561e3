"""Where models are: hosts by location, and paths by project.

Source: Google's "Vertex AI locations" page and its REST reference.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from tianji_core.api.errors import AuthenticationError, BadRequestError

DEFAULT_LOCATION = "us-central1"
UNKNOWN = "-"
"""In place of a project; no project has this name."""
_LOCATION = re.compile(r"[a-z0-9-]+")
_VERSION = re.compile(r"/v1(beta1)?$")
_GLOBAL = re.compile(r"gemini-([3-9]|embedding-[2-9])|(zai-org|moonshotai|minimaxai)/|deepseek-ai/deepseek-v3\.2")
_PLACED = re.compile(r"/projects/[^/]+/locations/[^/]+(?=/|$)")
_PROJECT = re.compile(r"/projects/[^/]+/locations/[^/]+$")
_TARGET = re.compile(r"/projects/[^/]+/locations/[^/]+/(publishers|endpoints)/")
_ASKED = re.compile(r"(?:/(v\d[a-z0-9]*))?(?:/projects/[^/]+)?(?:/locations/([^/]+))?(/.*)")
_METHOD = re.compile(r":[A-Za-z]+$")
_ROUTE = re.compile(r"(?<=/)(chat/completions|embeddings)$")


def default_location(model: str) -> str:
    """Where a model is if nobody says: new ones are `global` only.

    Source: Google's "Deployments and endpoints" page, which lists the locations of each model.
    """
    return "global" if _GLOBAL.match(model) else DEFAULT_LOCATION


def host_of(location: str) -> str:
    """The host of a location. `us` and `eu` are regions of several places, `global` is anywhere.

    Raises ValueError for what is no location: it becomes part of a host's name.
    """
    if not _LOCATION.fullmatch(location):
        raise ValueError(f"vertex_location: {location!r} is no location")
    if location == "global":
        return "https://aiplatform.googleapis.com"
    if "-" not in location:
        return f"https://aiplatform.{location}.rep.googleapis.com"
    return f"https://{location}-aiplatform.googleapis.com"


class Place:
    """A project in a location. `base` takes the place of Google's hosts and keeps the paths.

    A base may say more: up to the location, or up to the model or endpoint, as gateways of others and private endpoints
    have it. It then counts instead of the project, the location and the model's name.

    Without a `project` it may be found out later; a `keyed` place is let in by an API key, which knows its project.
    """

    def __init__(self, location: str, project: str | None, base: str | None, *, keyed: bool = False) -> None:
        self.location = location
        self.project = project
        self.root = (base or ("https://aiplatform.googleapis.com" if keyed else host_of(self.location))).rstrip("/")
        self._base = base.rstrip("/") if base else None
        self._keyed = keyed

    def url(self, path: str, method: str = "", *, version: str = "v1", query: str = "") -> str:
        """The address of something of the project, `method` behind the colon. Raises AuthenticationError."""
        end = f"{f':{method}' if method else ''}{f'?{query}' if query else ''}"
        if _TARGET.search(self.root):
            route = _ROUTE.search(path)
            root = _METHOD.sub("", self.root)
            return f"{root}{'' if route is None or root.endswith(route[0]) else f'/{route[0]}'}{end}"
        if _PROJECT.search(self.root):
            return f"{self.root}/{path}{end}"
        if self._keyed and self.project is None:
            start = ""
        else:
            start = f"/projects/{quote(self.needed_project(), safe='')}/locations/{self.location}"
        root = self.root if _VERSION.search(self.root) else f"{self.root}/{version}"
        return f"{root}{start}/{path}{end}"

    def pass_through_url(self, path: str) -> str:
        """Where a path of the API is that clients ask for. The project is always ours; the location is theirs, if they
        name one. A project that is still to be found out is written UNKNOWN. Raises BadRequestError.
        """
        asked = _ASKED.fullmatch(path)
        if asked is None or "/projects/" in asked[3] or (asked[2] and not _LOCATION.fullmatch(asked[2])):
            raise BadRequestError("Vertex AI has no such path.")
        version, location, rest = asked[1] or "v1", asked[2] or self.location, asked[3]
        base = self._base
        if base is not None and (placed := _PLACED.search(base)) is not None:
            return base[: placed.end()] + rest
        root = _VERSION.sub("", base) if base is not None else self.root if self._keyed else host_of(location)
        if self._keyed and self.project is None:
            return f"{root}/{version}{rest}"
        project = quote(self.project, safe="") if self.project else UNKNOWN
        return f"{root}/{version}/projects/{project}/locations/{location}{rest}"

    def ranking_url(self) -> str:
        """The address of the ranking API, which belongs to another service and is global."""
        root = self._base or "https://discoveryengine.googleapis.com"
        root = root if _VERSION.search(root) else f"{root}/v1"
        project = quote(self.needed_project(), safe="")
        return f"{root}/projects/{project}/locations/global/rankingConfigs/default_ranking_config:rank"

    def needed_project(self) -> str:
        """The project. Raises AuthenticationError if there is none."""
        if not self.project:
            raise AuthenticationError(
                "No project for provider 'vertex_ai': set vertex_project or VERTEXAI_PROJECT, or use a credential that "
                "names its project."
            )
        return self.project


def model_name(model: str) -> str:
    """A model's name as one segment of a path; versions come behind an `@`."""
    return quote(model, safe="@")
