"""Chat served through OpenAI's Responses API, for models that are better, or only, served there.

Sources: OpenAI's API reference ("Responses", "Streaming events") and the guide "Migrate to the Responses API".
"""

from tianji_core.openai_compat.by_responses.provider import ByResponses, ByResponsesSettings

__all__ = ["ByResponses", "ByResponsesSettings"]
