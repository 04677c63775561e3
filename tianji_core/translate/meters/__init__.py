"""Usage read out of answers that go by in their vendor's own format (native pass-through).

`framing` cuts an answer into JSON values, however it comes; `counts` knows what the values of OpenAI's, Anthropic's and
Google's formats say. A plugin whose vendor counts otherwise gives `meter_for` a `Counts` of its own.
"""

from tianji_core.translate.meters.counts import Counts, NativeCounts
from tianji_core.translate.meters.framing import meter_for

__all__ = ["Counts", "NativeCounts", "meter_for"]
