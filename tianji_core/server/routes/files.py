"""`/v1/files`: what callers upload and may ask for again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tianji_core.api.errors import BadRequestError
from tianji_core.gateway.call import Call
from tianji_core.server.permissions import Doc, GuardedRoute
from tianji_core.server.routes.recorded import KeptRoute, Streamed, read_limit, read_order, recorded
from tianji_core.server.uploads import Incoming

if TYPE_CHECKING:
    from tianji_core.gateway.gateway import Gateway
    from tianji_core.routing import Deployment
    from tianji_core.server.app import App, Serving
    from tianji_core.server.form_stream import FilePart, FormStream
    from tianji_core.store.objects import StoredObject

MAX_LISTED = 10_000
_CREATES = Doc("Takes a file", "File", form="FileForm")
_LISTS = Doc(
    "The files of the caller",
    "{ object: string, data: File[], has_more: boolean }",
    query="{ purpose?: string, after?: string, limit?: integer, order?: string }",
)
_TELLS = Doc("What is known of a file", "File")
_DELETES = Doc("Forgets a file", "{ id: string, object: string, deleted: boolean }")
_CONTENT = Doc("What is in a file", media=("*/*",))
_PREFIXES = ("", "/v1", "/{provider}/v1")


def routes(app: App) -> list[GuardedRoute]:
    found: list[GuardedRoute] = []
    for prefix in _PREFIXES:
        for path, handler, method, doc in (
            ("/files", create, "POST", _CREATES),
            ("/files", listing, "GET", _LISTS),
            ("/files/{file_id}", show, "GET", _TELLS),
            ("/files/{file_id}", remove, "DELETE", _DELETES),
            ("/files/{file_id}/content", content, "GET", _CONTENT),
        ):
            found.append(KeptRoute("/files", prefix + path, recorded(app, "files", handler), method, doc=doc))
    return found


async def create(request: Request, serving: Serving, call: Call) -> Response:
    from tianji_core.gateway.objects.shapes import check_life, check_purpose, file_object
    from tianji_core.server.form_stream import FormStream

    gateway, owner = serving.gateway, call.principal.owner
    await gateway.store.ready()  # before anything is read
    limit = int(gateway.config.general_settings.max_upload_size_mb * 1024 * 1024)
    incoming = Incoming(request.receive, dict(request.scope["headers"]), limit)
    form = FormStream(request.headers.get("content-type", ""), incoming.parts())
    file = await form.file()
    if file is None or file.name != "file":
        raise BadRequestError("Missing required parameter: 'file'.", param="file")
    asked = _asked(request, form)
    deployments = _deployments(gateway, call, asked)
    if "purpose" in form.fields:
        check_purpose(form.fields["purpose"])
        if len(deployments) == 1:
            return JSONResponse(file_object(await _send(gateway, form, file, owner, deployments[0])))
    files = gateway.files
    coming = await files.take(owner, form.content())
    try:
        await form.rest()
        purpose = check_purpose(form.fields.get("purpose"))
        life = check_life(*_life(form))
        later = _asked(request, form)
        if later != asked:
            deployments = _deployments(gateway, call, later)
        made = await files.keep(
            coming,
            file.filename,
            purpose,
            content_type=file.content_type,
            life=life,
            deployments=deployments,
        )
    except BaseException:
        await files.drop(coming)
        raise
    return JSONResponse(file_object(made))


async def _send(gateway: Gateway, form: FormStream, file: FilePart, owner: str, deployment: Deployment) -> StoredObject:
    """Bring a file to its vendor while it comes in."""
    from tianji_core.gateway.objects.shapes import check_life

    files, purpose = gateway.files, form.fields["purpose"]
    life = check_life(*_life(form))
    made = await files.send(
        owner, file.filename, purpose, form.content(), deployment, content_type=file.content_type, life=life
    )
    try:
        await form.rest()
        if (late := check_life(*_life(form))) != life:
            made = await files.set_life(made, late)
    except BaseException:
        await files.remove(made)
        raise
    return made


async def listing(request: Request, serving: Serving, call: Call) -> Response:
    from tianji_core.gateway.objects.shapes import file_object

    query = request.query_params
    found, more = await serving.gateway.files.list(
        call.principal,
        purpose=query.get("purpose") or None,
        provider=_asked(request).provider,
        after=query.get("after") or None,
        limit=read_limit(query.get("limit"), MAX_LISTED, MAX_LISTED),
        order=read_order(query.get("order")),
    )
    data = [file_object(each) for each in found]
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return JSONResponse({"object": "list", "data": data, "has_more": more, "first_id": first, "last_id": last})


async def show(request: Request, serving: Serving, call: Call) -> Response:
    from tianji_core.gateway.objects.shapes import file_object

    return JSONResponse(file_object(await serving.gateway.files.get(request.path_params["file_id"], call.principal)))


async def content(request: Request, serving: Serving, call: Call) -> Response:
    from tianji_core.gateway.objects.begun import begin
    from tianji_core.gateway.objects.shapes import disposition

    files = serving.gateway.files
    stored = await files.get(request.path_params["file_id"], call.principal)
    pieces = await begin(files.content(stored))
    headers = {
        "content-type": stored.data["content_type"],
        "content-disposition": disposition(stored.data["filename"]),
    }
    if stored.data["kept"]:
        headers["content-length"] = str(stored.data["bytes"])
    return Streamed(pieces, headers)


async def remove(request: Request, serving: Serving, call: Call) -> Response:
    files = serving.gateway.files
    stored = await files.get(request.path_params["file_id"], call.principal)
    await files.remove(stored)
    return JSONResponse({"id": stored.id, "object": "file", "deleted": True})


class Asked(NamedTuple):
    """Where a caller wants his file: at the vendors of these models, or at this provider. Neither: here."""

    models: tuple[str, ...] = ()
    provider: str | None = None


def _asked(request: Request, form: FormStream | None = None) -> Asked:
    """What path, query, header fields and form say, in the words of the reference."""
    fields = form.fields if form is not None else {}
    query, headers = request.query_params, request.headers
    provider = (
        fields.get("custom_llm_provider")
        or query.get("custom_llm_provider")
        or query.get("provider")
        or headers.get("custom-llm-provider")
        or request.path_params.get("provider")
    )
    if form is None:
        return Asked((), provider or None)
    named = (
        fields.get("target_model_names")
        or fields.get("model")
        or query.get("target_model_names")
        or query.get("model")
        or headers.get("x-litellm-model")
        or ""
    )
    return Asked(tuple(dict.fromkeys(filter(None, (name.strip() for name in named.split(","))))), provider or None)


def _deployments(gateway: Gateway, call: Call, asked: Asked) -> list[Deployment]:
    """The deployments that get the file, each account once. Raises BadRequestError, PermissionDeniedError."""
    if not asked.models and asked.provider is None:
        return []
    from tianji_core.gateway.objects.targets import same_account

    found: list[Deployment] = []
    for model in asked.models or (None,):
        chosen = gateway.targets.choose("files", call.principal, model=model, provider=asked.provider)
        if not any(same_account(chosen.deployment, each) for each in found):
            found.append(chosen.deployment)
    call.deployment = found[0]
    call.model = asked.models[0] if asked.models else ""
    return found


def _life(form: FormStream) -> tuple[str | None, str | None]:
    return form.fields.get("expires_after[anchor]"), form.fields.get("expires_after[seconds]")
