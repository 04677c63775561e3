"""Rows of the config that admins add by the API: models and guardrails, which lie in the store.

They come into force as a changed config does: a gateway is compiled with them and takes the place of the one before.
"""

from tianji_core.gateway.stored.rows import Rows, StoredRows

__all__ = ["Rows", "StoredRows"]
