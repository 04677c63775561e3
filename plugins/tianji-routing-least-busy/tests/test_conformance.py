from tianji_core.api.routing import RoutingStrategy
from tianji_core.testing import RoutingStrategyConformance
from tianji_routing_least_busy import LeastBusy, LeastBusySettings


class TestLeastBusy(RoutingStrategyConformance):
    def strategy(self) -> RoutingStrategy:
        return LeastBusy(LeastBusySettings())
