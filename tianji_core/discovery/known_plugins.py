"""Which package has which plugin. Written by scripts/plugin_index.py out of plugins/*/pyproject.toml."""

from __future__ import annotations

KNOWN: dict[str, dict[str, str]] = {
    "provider": {
        "anthropic": "tianji-provider-anthropic",
        "echo": "tianji-provider-echo",
        "groq": "tianji-provider-groq",
        "ollama": "tianji-provider-ollama",
        "ollama_chat": "tianji-provider-ollama",
        "openai": "tianji-provider-openai",
        "replicate": "tianji-provider-replicate",
        "text-completion-openai": "tianji-provider-openai",
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
