"""Which package has which plugin. Written by scripts/plugin_index.py out of plugins/*/pyproject.toml."""

from __future__ import annotations

KNOWN: dict[str, dict[str, str]] = {
    "provider": {
        "anthropic": "tianji-provider-anthropic",
        "cloudflare": "tianji-provider-cloudflare",
        "databricks": "tianji-provider-databricks",
        "deepinfra": "tianji-provider-deepinfra",
        "echo": "tianji-provider-echo",
        "groq": "tianji-provider-groq",
        "hosted_vllm": "tianji-provider-hosted-vllm",
        "huggingface": "tianji-provider-huggingface",
        "jina_ai": "tianji-provider-jina-ai",
        "moonshot": "tianji-provider-moonshot",
        "nvidia_nim": "tianji-provider-nvidia-nim",
        "ollama": "tianji-provider-ollama",
        "ollama_chat": "tianji-provider-ollama",
        "openai": "tianji-provider-openai",
        "openrouter": "tianji-provider-openrouter",
        "replicate": "tianji-provider-replicate",
        "text-completion-openai": "tianji-provider-openai",
        "vllm": "tianji-provider-hosted-vllm",
        "voyage": "tianji-provider-voyage",
        "watsonx": "tianji-provider-watsonx",
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
