"""`model_list`: one row is one deployment; rows with the same `model_name` are one model group."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import PrivateAttr

from tianji_core.config.schema import known
from tianji_core.config.schema.base import Block, Remark, key, keys_of, later
from tianji_core.config.schema.prices import PRICE_KEYS, Amount, is_price_key
from tianji_core.config.schema.types import (
    AnyMap,
    Before,
    Flag,
    Names,
    Number,
    Seconds,
    SecretText,
    Text,
    TextMap,
    Whole,
)

# Parameters of the OpenAI APIs: in `litellm_params` they are defaults of the deployment; what a request says wins.
OPENAI_PARAMS: Final = frozenset(
    """
    temperature top_p n stream stream_options stop max_tokens max_completion_tokens presence_penalty frequency_penalty
    logit_bias user response_format seed tools tool_choice parallel_tool_calls functions function_call logprobs
    top_logprobs modalities prediction audio store metadata service_tier reasoning_effort verbosity web_search_options
    safety_identifier prompt_cache_key prompt_cache_retention thinking dimensions encoding_format suffix best_of echo
    max_output_tokens reasoning truncation instructions text include background conversation previous_response_id
    size quality style output_format output_compression moderation partial_images input_fidelity voice speed
    language prompt timestamp_granularities chunking_strategy top_n return_documents max_chunks_per_doc
    """.split()  # noqa: SIM905  # easier on the eye than ninety quoted words
)

# What belongs to one vendor's own settings.
VENDOR_PARAMS: Final = {
    "aws_*": "Bedrock and SageMaker: keys, role, region, profile.",
    "azure_*": "Azure: Entra token, scope, user.",
    "vertex_*": "Vertex AI: project, location, credentials.",
    "s3_*": "Buckets for batches.",
    "gcs_*": "Buckets for batches.",
    "watsonx_*": "watsonx: region, project.",
    "anthropic_*": "Anthropic workload identity.",
    "openai_*": "OpenAI workload identity.",
    "tenant_id": "Entra tenant.",
    "client_id": "Entra client.",
    "client_secret": "Entra client secret.",
    "region_name": "Region of the vendor.",
    "top_k": "Sampling, vendors other than OpenAI.",
    "min_p": "Sampling, vendors other than OpenAI.",
}


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


class LitellmParams(Block):
    """How a deployment is reached, and defaults for its calls. What is not listed goes to the vendor as it is."""

    unknown = "warn-if-close"
    rare = known.LITELLM_PARAMS
    passed: ClassVar = {**VENDOR_PARAMS, **PRICE_KEYS, **dict.fromkeys(OPENAI_PARAMS, "OpenAI parameter.")}

    model: Text = key(..., "Provider and the vendor's model name, `openai/gpt-4o`. A `*` takes what the caller asked.")
    api_key: SecretText | None = key(None, "The vendor's key.", default_text="the provider's own variable")
    api_base: Text | None = key(None, "Where the vendor's API is.", default_text="the provider's own address")
    base_url: Text | None = key(None, "The same as api_base; wins if both are given.", usage="B")
    api_version: Text | None = key(None, "API version, for vendors that have one (Azure).")
    organization: Annotated[Text | None, Before(_first)] = key(None, "OpenAI organization.", usage="C")
    custom_llm_provider: Text | None = key(None, "The provider, where `model` does not begin with it.", usage="B")
    litellm_credential_name: Text | None = key(
        None, "Take keys and settings from this entry of credential_list; what the row says wins.", usage="B"
    )
    timeout: Seconds | None = key(None, "Time for one call.", usage="B", default_text="router_settings")
    stream_timeout: Seconds | None = key(None, "Time for one streamed call.", usage="B", default_text="router_settings")
    num_retries: Whole | None = key(None, "Further tries after a failure.", usage="C", default_text="router_settings")
    max_retries: Whole | None = key(None, "Taken and left alone: the router does all retries.", usage="B")
    weight: Number | None = key(None, "Share of the traffic within the group; wins over rpm and tpm.", usage="B")
    rpm: Whole | None = key(
        None, "Requests a minute: a limit, or where the strategy knows none a weight after weight.", usage="B"
    )
    tpm: Whole | None = key(
        None, "Tokens a minute: a limit, or where the strategy knows none a weight after rpm.", usage="B"
    )
    order: Whole | None = key(None, "Lower numbers are used first, higher ones when those fail.", usage="B")
    drop_params: Flag | None = key(
        None, "Leave out parameters the model does not take.", usage="B", default_text="litellm_settings"
    )
    additional_drop_params: Names = key(
        [], "Parameters, and places such as `tools[*].x`, that are always left out.", usage="B"
    )
    allowed_openai_params: Names = key([], "Parameters to send although the provider does not list them.", usage="B")
    headers: TextMap = key({}, "Further request headers.", usage="B")
    extra_headers: TextMap = key({}, "Further request headers; wins over headers.", usage="B")
    extra_body: AnyMap = key({}, "Put into the request body as it is.", usage="B")
    use_in_pass_through: Flag | None = key(
        None,
        "Lend the credential to pass-through. If any row of a provider says true, only those do.",
        usage="C",
        default_text="lent",
    )
    max_parallel_requests: Whole | None = key(None, "Calls at once, in each process.", usage="B")
    cooldown_time: Seconds | None = key(
        None, "How long it rests after failures; 0 for not at all.", usage="B", default_text="router_settings"
    )
    max_budget: Number | None = key(None, "Dollars it may cost within budget_duration.", usage="B")
    budget_duration: Text | None = key(None, "Time span of max_budget: 30s, 10m, 12h, 1d, 1mo.", usage="B")
    tags: Names = key([], "Tags that callers reach it by.", usage="B")
    guardrails: Names = key([], "Guardrails that look at the calls of this model, beside those always on.", usage="C")
    connect_timeout: Seconds | None = key(None, "Time to connect.", usage="ours", default_text="router_settings")
    first_byte_timeout: Seconds | None = key(
        None, "Time until the answer begins.", usage="ours", default_text="router_settings"
    )
    chunk_timeout: Seconds | None = key(
        None, "Longest silence inside the answer.", usage="ours", default_text="router_settings"
    )
    mock_response: Any = key(None, "Answer with this and call nobody.", usage="B", kind="text")

    input_cost_per_token: Amount = key(
        None,
        "Price of a prompt token in US dollars; in place of the price table.",
        usage="B",
        default_text="price table",
    )
    output_cost_per_token: Amount = key(
        None, "Price of an answer token in US dollars.", usage="B", default_text="price table"
    )
    input_cost_per_second: Amount = key(
        None, "Price of a second: of a recording, or of the model's work.", usage="B", default_text="price table"
    )
    output_cost_per_second: Amount = key(None, "The same; wins.", usage="B", default_text="price table")

    @classmethod
    def remarks(cls, data: dict[str, Any]) -> Iterator[Remark]:
        if isinstance(data.get("organization"), list) and len(data["organization"]) > 1:
            yield Remark("organization", "not-honoured", "a list is known, not honoured yet", "The first one is used.")
        base, other = data.get("api_base"), data.get("base_url")
        if base and other and base != other:
            yield Remark("api_base", "conflict", "base_url says something else", "base_url is used.")

    @cached_property
    def address(self) -> str | None:
        """api_base under either of its names."""
        return self.base_url or self.api_base

    @cached_property
    def all_headers(self) -> dict[str, str]:
        """headers and extra_headers together."""
        return {**self.headers, **self.extra_headers}

    @cached_property
    def openai_params(self) -> dict[str, Any]:
        """OpenAI parameters of the row: defaults for its calls."""
        return {name: value for name, value in (self.model_extra or {}).items() if name in OPENAI_PARAMS}

    @cached_property
    def vendor_params(self) -> dict[str, Any]:
        """What is neither ours nor OpenAI's: settings and parameters of the vendor."""
        return {
            name: value
            for name, value in (self.model_extra or {}).items()
            if name not in OPENAI_PARAMS
            and name not in keys_of(LitellmParams)
            and not is_price_key(name)
            and not self.is_rare(name)
            and self.slip_of(name) is None
        }


class ModelInfo(Block):
    """What is known about the model. Keys of your own are kept and shown by /model/info."""

    unknown = "take"
    rare = known.MODEL_INFO
    passed: ClassVar = PRICE_KEYS

    id: Text | None = key(None, "Name of this deployment.", usage="B", default_text="hash of the row")
    mode: Text | None = key(
        None, "chat, completion, embedding, image_generation, audio_speech, rerank, batch, …", usage="B"
    )
    max_tokens: Whole | None = key(None, "Longest answer, in tokens.", usage="B")
    max_input_tokens: Whole | None = key(None, "Longest prompt, in tokens.", usage="B")
    max_output_tokens: Whole | None = key(None, "Longest answer, in tokens.", usage="B")

    batches_by: Literal["vendor", "gateway"] | None = key(
        None,
        "Who does batches of this model.",
        usage="ours",
        kind="vendor or gateway",
        default_text="general_settings",
    )
    base_model: Text | None = key(
        None, "The model that a deployment's name hides (Azure): its parameters and prices hold.", usage="B"
    )
    input_cost_per_token: Amount = key(None, "As in litellm_params, which wins.", usage="B", default_text="price table")
    output_cost_per_token: Amount = key(
        None, "As in litellm_params, which wins.", usage="B", default_text="price table"
    )

    team_id: Text | None = key(None, "The team that owns this deployment: nobody else gets it.", usage="C")
    health_check_model: Text | None = key(None, "What a health check asks for, for a wildcard.", usage="C")
    health_check_timeout: Seconds | None = key(None, "Time for a health check.", usage="C", default_text="60")
    health_check_params: AnyMap | None = key(None, "Further members of the request.", usage="C")
    disable_background_health_check: Flag | None = key(
        None, "Leave it out of background checks.", usage="C", default_text="false"
    )
    blocked: Flag | None = key(None, "Take the deployment out of use.", usage="C", default_text="false")
    region: Text | None = key(
        None, "Where it runs, for callers confined to a region.", usage="ours", default_text="the vendor's setting"
    )
    access_groups = later(None, "Group names that keys and teams may be given.", kind="list of names")


class Deployment(Block):
    """One row."""

    model_name: Text = key(..., "What callers ask for. May hold a `*`.")
    litellm_params: LitellmParams = key(..., "How to reach it.", kind="block")
    model_info: ModelInfo = key({}, "What is known about it.", kind="block", usage="B")
    rpm: Whole | None = key(None, "As in litellm_params; wins.", usage="C", default_text="litellm_params")
    tpm: Whole | None = key(None, "As in litellm_params; wins.", usage="C", default_text="litellm_params")

    _index: int = PrivateAttr(default=-1)
    _id: str = PrivateAttr(default="")

    @property
    def index(self) -> int:
        """The row's place in the config, counted before invalid rows were left out."""
        return self._index

    @property
    def id(self) -> str:
        """`model_info.id`, or a hash of the row that is the same after a restart."""
        return self.model_info.id or self._id

    def place(self, index: int, params: dict[str, Any]) -> Deployment:
        """Remember where the row stood and what it said (for its id), as the loader does."""
        self._index = index
        self._id = deployment_id(self.model_name, params)
        return self


def deployment_id(model_name: str, params: dict[str, Any]) -> str:
    """The reference's id: SHA-256 of name, keys and values in file order, so that dashboards keep their series."""
    parts = [model_name]
    for name, value in params.items():
        parts += [name, json.dumps(value, default=str) if isinstance(value, dict) else str(value)]
    return hashlib.sha256("".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
