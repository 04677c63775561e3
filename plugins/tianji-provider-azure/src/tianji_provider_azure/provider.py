"""OpenAI's models in Azure: by deployment, with a date for an API version, and content that is filtered."""

from __future__ import annotations

import re
from functools import cached_property
from typing import ClassVar
from urllib.parse import unquote

from pydantic import Field

from tianji_core.api.errors import UnsupportedParamsError
from tianji_core.api.files import FilesAPI
from tianji_core.api.http import UpstreamReply, UpstreamRequest
from tianji_core.api.pass_through import Named, PassThrough, models_in
from tianji_core.api.provider import Binary, Body, Capabilities, ModelRequest, Operation, StreamDecoder
from tianji_core.openai_compat.azure import AzureHosted
from tianji_core.openai_compat.batches import OpenAIBatches
from tianji_core.openai_compat.by_responses import ByResponses, ByResponsesSettings
from tianji_core.openai_compat.openai_models import Family, family_of
from tianji_core.openai_compat.provider import PATHS
from tianji_core.translate.entra import EntraSettings
from tianji_provider_azure.address import Address, address_of
from tianji_provider_azure.structured import SchemaDecoder, answer_from_tool, ask_by_tool, asked_by_tool, schema_of

_DEPLOYMENT = re.compile(
    r"(?:/openai)?/deployments/([^/]+)/"
    r"(?:chat/completions|completions|embeddings|images/(?:generations|edits)|audio/(?:speech|transcriptions|translations))"
)
"""Paths that say which deployment answers, whatever the body says."""

HINTS = {"o_series/": "o3", "gpt5_series/": "gpt-5"}
"""Prefixes of deployments that say which models are behind them, and a model of that kind."""


class AzureSettings(EntraSettings, ByResponsesSettings):
    """The keys of `litellm_params` that Azure's providers know."""

    api_version: str | None = Field(
        None, description="A date, or `v1` for the API without one; else AZURE_API_VERSION, OPENAI_API_VERSION"
    )
    base_model: str | None = Field(None, description="The model behind the deployment, whose parameters hold")


class Azure(AzureHosted, ByResponses):
    """Azure OpenAI, with the rules of OpenAI's models where the model is known."""

    name = "azure"
    api_key_env = ("AZURE_OPENAI_API_KEY", "AZURE_API_KEY")
    api_base_env = ("AZURE_API_BASE", "AZURE_OPENAI_ENDPOINT")
    capabilities: ClassVar[Capabilities] = ByResponses.capabilities.having(
        "audio",
        "files",
        "prompt_caching",
        operations=("images", "image_edits", "speech", "transcriptions", "translations", "realtime"),
    )

    patch_markers = (b'"prompt_filter_results"',)
    chunks: ClassVar[str] = "chat.completion.chunk"
    pass_through_headers = ("openai-beta", "x-ms-client-request-id", "x-ms-oai-*")
    resources = frozenset({"assistants", "conversations", "fine_tuning", "uploads", "vector_stores"})
    files_api = FilesAPI(frozenset({"assistants", "batch", "fine-tune"}), least_life=14 * 24 * 3600)
    batch_api = OpenAIBatches(("/chat/completions",), prefix="", own_rows=True)

    @cached_property
    def address(self) -> Address:
        settings = self.settings
        given = settings.api_version if isinstance(settings, AzureSettings) else None
        return address_of(self.api_base, given or settings.env("AZURE_API_VERSION", "OPENAI_API_VERSION"))

    def url(self, operation: Operation) -> str:
        return self.address.root  # the rest is the deployment's

    def responses_url(self) -> str:
        return self.address.responses

    def responses_model(self, model: str) -> str:
        return deployment_of(super().responses_model(model))

    def family(self, model: str) -> Family:
        settings = self.settings
        hidden = settings.base_model if isinstance(settings, AzureSettings) else None
        named = super().responses_model(model)
        hint = next((HINTS[prefix] for prefix in HINTS if named.startswith(prefix)), None)
        return family_of(hidden or hint or model)

    def supported_params(self, model: str, operation: Operation) -> frozenset[str] | None:
        supported = super().supported_params(model, operation)
        if supported is None:
            return None
        lacks = {"service_tier"} if self.address.dated else set()
        if self.address.before("2023-12-01"):
            lacks.add("tool_choice")
        if self.address.before("2024-09-01"):
            lacks.add("stream_options")
        return supported - lacks

    def build_request(self, request: ModelRequest) -> UpstreamRequest:
        built = super().build_request(request)
        if self.by_responses(request):
            return built
        built.url = self.address.url(deployment_of(request.model), PATHS[request.operation])
        return built

    def build_realtime(self, request: ModelRequest) -> UpstreamRequest:
        if "realtime" not in self.capabilities.operations:
            return super().build_realtime(request)
        self.check_credential()
        url = self.address.realtime(deployment_of(request.model), request.body.get("intent"))
        return UpstreamRequest("GET", url, self.realtime_headers(request))

    def adjust_body(self, request: ModelRequest) -> None:
        super().adjust_body(request)
        body = request.body
        body["model"] = deployment_of(request.model)
        if self.address.dated and request.operation in ("images", "image_edits"):
            del body["model"]  # the path names it, and here the body must not
        if request.operation != "chat":
            return
        if body.get("tool_choice") == "required" and self.address.before("2024-06-01"):
            if not request.drop_params:
                raise UnsupportedParamsError(
                    f"tool_choice 'required' needs a later api_version than {self.address.date}. "
                    "To drop it set `drop_params: true` in litellm_settings or litellm_params.",
                    param="tool_choice",
                    provider=self.name,
                )
            del body["tool_choice"]
        if schema_of(body) is not None and not self._takes_schemas(request.model):
            ask_by_tool(body)

    def _takes_schemas(self, model: str) -> bool:
        """Whether `json_schema` is known; it came with an API version, and not to gpt-3.5."""
        settings = self.settings
        hidden = settings.base_model if isinstance(settings, AzureSettings) else None
        name = hidden or model
        return not (self.address.before("2024-08-01") or "gpt-35" in name or "gpt-3.5" in name)

    def patch_chunk(self, chunk: Body) -> None:
        """What the filter says of the prompt comes first, in a chunk that says nothing of what it is."""
        chunk["object"] = chunk.get("object") or self.chunks

    def parse_response(self, request: ModelRequest, reply: UpstreamReply) -> Body | Binary:
        answer = super().parse_response(request, reply)
        if asked_by_tool(request.body) and not isinstance(answer, Binary):
            answer_from_tool(answer)
        return answer

    def relays_stream(self, request: ModelRequest) -> bool:
        return not asked_by_tool(request.body)

    def stream_decoder(self, request: ModelRequest) -> StreamDecoder:
        if asked_by_tool(request.body):
            return SchemaDecoder(self.parse_error)
        return super().stream_decoder(request)

    def build_pass_through(self, request: PassThrough) -> UpstreamRequest:
        self.check_credential()
        return request.to(self.address.pass_through(request.path, request.query), self.pass_through_fields())

    def resource_path(self, path: str) -> str:
        return path if self.address.dated else f"/v1{path}"

    def pass_through_models(self, request: PassThrough) -> Named:
        found = _DEPLOYMENT.fullmatch(request.path)
        if found is None:
            return super().pass_through_models(request)
        inside = {name for name in models_in(request.json) if request.json is None or name != request.json.get("model")}
        return Named((unquote(found[1]), *sorted(inside)), request.method == "POST")

    def pass_through_id(self, model: str) -> str:
        return deployment_of(super().responses_model(model))


class AzureText(Azure):
    """Azure's completions endpoint, for the models that have nothing else."""

    name = "azure_text"
    route_name = "azure"
    capabilities = Capabilities.of("completions", features=("streaming",))
    native_dialects = frozenset()
    chunks = "text_completion"


def deployment_of(model: str) -> str:
    """The deployment's name, without a hint at the model in front of it."""
    for prefix in HINTS:
        model = model.removeprefix(prefix)
    return model
