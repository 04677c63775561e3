"""The HTTP surface: an ASGI application around a gateway."""

from tianji_core.server.app import App, create_app

__all__ = ["App", "create_app"]
