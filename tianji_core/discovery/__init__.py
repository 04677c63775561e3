"""Plugins found and loaded: one scan of entry points, then exactly the modules that the config names.

registry = Registry.scan()
groq = registry.load("provider", "groq", wanted_by="proxy_config.yaml:14: model_list[2]")
provider = groq.factory(groq.settings(...))
"""

from tianji_core.discovery.attribute import is_dotted, load_attribute
from tianji_core.discovery.errors import PluginError
from tianji_core.discovery.kinds import KINDS
from tianji_core.discovery.registry import Loaded, Registered, Registry
from tianji_core.discovery.scan import Found

__all__ = [
    "KINDS",
    "Found",
    "Loaded",
    "PluginError",
    "Registered",
    "Registry",
    "is_dotted",
    "load_attribute",
]
