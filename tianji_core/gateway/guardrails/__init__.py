"""The guardrails of a gateway: which look at a call, what they are shown, and what becomes of their verdicts."""

from tianji_core.gateway.guardrails.active import CHECK_DEADLINE, ActiveGuardrail, Window
from tianji_core.gateway.guardrails.chain import GuardrailChain

__all__ = ["CHECK_DEADLINE", "ActiveGuardrail", "GuardrailChain", "Window"]
