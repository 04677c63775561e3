"""What calls use: tokens, counted where a vendor does not say. Prices, budgets and rate limits will live here too."""

from tianji_core.accounting.odd import believable
from tianji_core.accounting.tokens import tokenizer_of
from tianji_core.accounting.usage import Counted, count_answer, count_stream, is_reported, read_chunks

__all__ = ["Counted", "believable", "count_answer", "count_stream", "is_reported", "read_chunks", "tokenizer_of"]
