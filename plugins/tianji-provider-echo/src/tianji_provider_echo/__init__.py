"""The provider `echo`: deterministic answers without a vendor, a key or a network.

What it says is in `script`, how it says it in `shapes`; the README has the rules for people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from tianji_core import hookimpl
from tianji_core.api.provider import Capabilities, LocalReply, ModelRequest, Provider, ProviderSettings
from tianji_core.openai_compat import OpenAICompatible
from tianji_provider_echo import script, shapes, vectors

if TYPE_CHECKING:
    from tianji_core.hookspecs import Register

JSON = (("content-type", "application/json"),)
EVENTS = (("content-type", "text/event-stream"),)


class EchoSettings(ProviderSettings):
    """The keys of `litellm_params` that the echo provider knows."""

    first_delay: float = Field(0, ge=0, description="Seconds before an answer begins")
    chunk_delay: float = Field(0, ge=0, description="Seconds before each further chunk of a streamed answer")
    chunk_words: int = Field(1, ge=1, description="Words in each chunk of a streamed answer")


class Echo(OpenAICompatible):
    """Answers in OpenAI's format, from the request alone."""

    name = "echo"
    default_base = "http://echo.invalid/v1"  # never called: every answer is a local reply
    key_required = False
    unsupported_params = frozenset({"logit_bias", "logprobs", "top_logprobs"})
    capabilities = Capabilities.of(
        "chat",
        "completions",
        "embeddings",
        features=(
            "streaming",
            "tools",
            "parallel_tools",
            "tool_choice",
            "json_object",
            "json_schema",
            "images",
            "audio",
            "files",
            "reasoning",
            "seed",
            "n",
        ),
    )

    build_pass_through = Provider.build_pass_through  # there is nobody to pass anything to

    def __init__(self, settings: ProviderSettings) -> None:
        super().__init__(settings)
        self.pace = settings if isinstance(settings, EchoSettings) else EchoSettings.model_validate({})

    def headers(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in super().headers() if name != "authorization"]

    def local_reply(self, request: ModelRequest) -> LocalReply:
        refusal = script.refusal(request)
        if refusal is not None:
            status, body = refusal
            return LocalReply(status, (*JSON, *script.error_headers(status)), shapes.dump(body))
        if request.operation == "embeddings":
            return self._whole(shapes.dump(vectors.answer(request)))
        plan = script.plan(request)
        if not request.stream:
            return self._whole(shapes.dump(shapes.whole(request, plan)))
        events = shapes.events(request, plan, self.pace.chunk_words)
        delays = (self.pace.first_delay, *([self.pace.chunk_delay] * (len(events) - 1)))
        return LocalReply(200, EVENTS, tuple(zip(delays, events, strict=True)))

    def _whole(self, body: bytes) -> LocalReply:
        return LocalReply(200, JSON, ((self.pace.first_delay, body),) if self.pace.first_delay else body)


@hookimpl
def tianji_register_providers(register: Register) -> None:
    register("echo", Echo, EchoSettings)


@hookimpl
def tianji_model_price(model: str, provider: str) -> dict[str, float] | None:
    return {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0} if provider == Echo.name else None
