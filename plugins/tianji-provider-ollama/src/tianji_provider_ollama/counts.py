"""Usage in answers that are passed through (Ollama's API page: `prompt_eval_count`, `eval_count`)."""

from __future__ import annotations

from tianji_core.api.provider import Body
from tianji_core.translate.meters import NativeCounts
from tianji_core.translate.shapes import as_count


class OllamaCounts(NativeCounts):
    """Ollama's own counts, and those of its API in OpenAI's format."""

    markers = (*NativeCounts.markers, b'"prompt_eval_count"', b'"eval_count"')

    def take(self, value: Body) -> None:
        if "prompt_eval_count" not in value and "eval_count" not in value:
            super().take(value)
            return
        read, written = as_count(value.get("prompt_eval_count")), as_count(value.get("eval_count"))
        self.usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
