"""Which package has which plugin. Written by scripts/plugin_index.py out of plugins/*/pyproject.toml."""

from __future__ import annotations

KNOWN: dict[str, dict[str, str]] = {
    "provider": {
        "anthropic": "tianji-provider-anthropic",
        "echo": "tianji-provider-echo",
        "gemini": "tianji-provider-gemini",
        "groq": "tianji-provider-groq",
        "openai": "tianji-provider-openai",
        "text-completion-openai": "tianji-provider-openai",
        "vertex_ai": "tianji-provider-vertex-ai",
        "vertex_ai_beta": "tianji-provider-vertex-ai",
    },
    "routing_strategy": {
        "latency-based-routing": "tianji-routing-latency",
    },
    "callback": {
        "generic_api": "tianji-callback-generic-api",
    },
    "guardrail": {
        "prompt_injection": "tianji-guardrail-prompt-injection",
    },
}
