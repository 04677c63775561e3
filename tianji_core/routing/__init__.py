"""Which deployment serves a call: names, strategies, retries, fallbacks, and what was seen of each deployment."""

from tianji_core.routing.cooldown import CooldownRules, Cooldowns
from tianji_core.routing.deployment import Deployment
from tianji_core.routing.fallbacks import Fallbacks
from tianji_core.routing.models import ModelTable, Target
from tianji_core.routing.retries import RetryBudget, RetryPolicy
from tianji_core.routing.selection import Selection
from tianji_core.routing.shuffle import SimpleShuffle
from tianji_core.routing.stats import Stats

__all__ = [
    "CooldownRules",
    "Cooldowns",
    "Deployment",
    "Fallbacks",
    "ModelTable",
    "RetryBudget",
    "RetryPolicy",
    "Selection",
    "SimpleShuffle",
    "Stats",
    "Target",
]
