from tianji_core.api.routing import RoutingStrategy
from tianji_core.testing import RoutingStrategyConformance
from tianji_routing_usage import UsageBased, UsageBasedV2, UsageSettings


class TestUsageBased(RoutingStrategyConformance):
    def strategy(self) -> RoutingStrategy:
        return UsageBased(UsageSettings())


class TestUsageBasedV2(RoutingStrategyConformance):
    def strategy(self) -> RoutingStrategy:
        return UsageBasedV2(UsageSettings())


class TestRelativeToLimits(RoutingStrategyConformance):
    def strategy(self) -> RoutingStrategy:
        return UsageBasedV2(UsageSettings(relative_to_limits=True))
