"""CPU time that callbacks add to a call, each by itself and the five that most gateways have together.

    python benchmarks/callbacks_micro.py [--records 4000] [--batch 200]

Finished calls go to each callback in batches, as the gateway delivers them; its sink is a tiny server in a further
process that says 200 to everything. CPU time is that of this process, per record, the best of three rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tianji_core.api.callback import Callback, CallRecord
from tianji_core.testing.standard import sample_record

FIVE = ("webhook", "prometheus", "otel", "langfuse", "datadog")


class Sink(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_PUT = do_POST

    def log_message(self, *_: object) -> None:
        return


def serve(ports: Any) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    ports.put(server.server_address[1])
    server.serve_forever()


def callbacks(url: str) -> dict[str, Callable[[], Callback]]:
    """What makes each of them."""
    from tianji_callback_datadog import DatadogLogs, DatadogSettings, DatadogSpans
    from tianji_callback_langfuse import Langfuse, LangfuseSettings
    from tianji_callback_otel import OpenTelemetry, OtelSettings
    from tianji_callback_prometheus import Prometheus, PrometheusSettings
    from tianji_callback_webhook import Webhook, WebhookSettings

    datadog = DatadogSettings(dd_api_key="k", dd_base_url=url)
    langfuse = LangfuseSettings(langfuse_host=url, langfuse_public_key="p", langfuse_secret_key="s")
    return {
        "webhook": lambda: Webhook(WebhookSettings(endpoint=url)),
        "prometheus": lambda: Prometheus(PrometheusSettings()),
        "otel": lambda: OpenTelemetry(OtelSettings(endpoint=url)),
        "langfuse": lambda: Langfuse(langfuse),
        "datadog": lambda: DatadogLogs(datadog),
        "datadog_llm_observability": lambda: DatadogSpans(datadog),
    }


async def cost(callback: Callback, records: list[CallRecord], batch: int) -> float:
    """µs of CPU for each record: the best of three rounds."""
    best = float("inf")
    await callback.on_calls(records[:batch])
    for _ in range(3):
        begun = time.process_time()
        for first in range(0, len(records), batch):
            await callback.on_calls(records[first : first + batch])
        best = min(best, (time.process_time() - begun) / len(records) * 1e6)
    await callback.aclose()
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=4_000)
    parser.add_argument("--batch", type=int, default=200)
    options = parser.parse_args()
    ports: Any = multiprocessing.Queue()
    process = multiprocessing.Process(target=serve, args=(ports,), daemon=True)
    process.start()
    records = [replace(sample_record("success"), id=f"call-{number}") for number in range(options.records)]
    found = {}
    for name, make in callbacks(f"http://127.0.0.1:{ports.get()}").items():
        found[name] = asyncio.run(cost(make(), records, options.batch))
        print(f"{name:28} {found[name]:7.1f} µs")
    print(f"{'five together':28} {sum(found[name] for name in FIVE):7.1f} µs")
    process.terminate()


if __name__ == "__main__":
    main()
