"""Python files beside a config, for tests that look at the records of calls."""

SINK = """
    from tianji_core.api.callback import Callback

    class Sink(Callback):
        def __init__(self):
            self.records = []
        async def on_call(self, record):
            self.records.append(record)

    sink = Sink()
"""
