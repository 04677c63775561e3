"""Policies: named rules for calls, and for which calls they hold."""

from tianji_core.gateway.policies.book import Policies
from tianji_core.gateway.policies.outcome import Outcome

__all__ = ["Outcome", "Policies"]
