from tianji_core.api.routing import RoutingStrategy
from tianji_core.testing import RoutingStrategyConformance
from tianji_routing_cost import CostBased, CostSettings


class TestCostBased(RoutingStrategyConformance):
    def strategy(self) -> RoutingStrategy:
        return CostBased(CostSettings())
