from tianji_core.api.routing import RoutingStrategy
from tianji_core.testing import RoutingStrategyConformance
from tianji_routing_latency import LatencyBased, LatencySettings


class TestLatencyBased(RoutingStrategyConformance):
    def strategy(self) -> RoutingStrategy:
        return LatencyBased(LatencySettings())


class TestWithEverySetting(RoutingStrategyConformance):
    def strategy(self) -> RoutingStrategy:
        return LatencyBased(
            LatencySettings(ttl=60, lowest_latency_buffer=0.5, max_latency_list_size=3, ttft_percentile=90)
        )
