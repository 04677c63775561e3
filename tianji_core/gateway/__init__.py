"""A call's way from a body to an answer; see docs/guides/architecture.md for the map."""

from tianji_core.gateway.gateway import Gateway

__all__ = ["Gateway"]
