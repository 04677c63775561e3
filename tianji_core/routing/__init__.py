"""Which deployment serves a call: names, strategies, retries, fallbacks, and what was seen of each deployment."""

from tianji_core.routing.deployment import Deployment
from tianji_core.routing.fallbacks import Fallbacks
from tianji_core.routing.models import ModelTable, Target
from tianji_core.routing.retries import RetryPolicy
from tianji_core.routing.shuffle import SimpleShuffle
from tianji_core.routing.stats import Stats

__all__ = ["Deployment", "Fallbacks", "ModelTable", "RetryPolicy", "SimpleShuffle", "Stats", "Target"]
