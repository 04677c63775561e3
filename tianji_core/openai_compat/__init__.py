"""The base for vendors whose API has OpenAI's shape: a subclass states the address and the few differences."""

from tianji_core.openai_compat.errors import classify
from tianji_core.openai_compat.openai_models import OpenAIModels
from tianji_core.openai_compat.provider import OpenAICompatible
from tianji_core.openai_compat.stream import OpenAIStreamDecoder
from tianji_core.translate.retry import parse_retry_after

__all__ = ["OpenAICompatible", "OpenAIModels", "OpenAIStreamDecoder", "classify", "parse_retry_after"]
