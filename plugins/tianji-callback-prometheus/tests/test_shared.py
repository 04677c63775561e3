"""Several processes that count into one directory; each is a process here, since the client decides at its import."""

import os
import subprocess
import sys
import textwrap

from prometheus_client.parser import text_string_to_metric_families as parse


def run(directory, code):
    """Run a piece of Python in a process of its own; gives what it writes."""
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)}
    head = """
        from tianji_callback_prometheus import Prometheus, PrometheusSettings
        from tianji_callback_prometheus.exposition import written
        from tianji_callback_prometheus.multiprocess import collector
        from tianji_callback_prometheus.operator import Publisher
        from tianji_core.api.metrics import MetricFamily, Sample
        from tianji_core.testing.standard import sample_record

        def gauge(value, *labels, across="sum"):
            names = tuple("abc"[: len(labels)])
            return MetricFamily(f"tianji_{across}", "gauge", "x", names, [Sample(labels, value)], across)

        def counter(value):
            return MetricFamily("tianji_things_total", "counter", "x", (), [Sample((), value)])

        def show():
            print(written([collector()]).decode())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(code)],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in parse(done.stdout)
        for sample in family.samples
    }


def test_calls_of_all_processes_are_added_up(tmp_path):
    count = "Prometheus(PrometheusSettings()).recorder.record(sample_record('success'))\n"
    directory = tmp_path / "not" / "there"
    run(directory, count)
    found = run(directory, count + "show()")
    [value] = [value for (name, *_), value in found.items() if name == "litellm_requests_metric_total"]
    assert value == 2
    sums = [value for (name, *_), value in found.items() if name == "litellm_llm_api_latency_metric_sum"]
    assert sums == [2.6]


def test_gauges_are_the_sum_or_the_largest_of_those_that_live(tmp_path):
    run(tmp_path, "Publisher(PrometheusSettings()).publish([gauge(100), gauge(100, across='max'), counter(5)])")
    code = """
        Publisher(PrometheusSettings()).publish([gauge(3), gauge(2, across="max"), counter(7)])
        show()
    """
    found = run(tmp_path, code)
    assert found == {("tianji_sum",): 3, ("tianji_max",): 2, ("tianji_things_total",): 12}


def test_numbers_are_noted_again_and_again(tmp_path):
    code = """
        made = Publisher(PrometheusSettings(prefix="p_"))
        made.publish([gauge(1, "x"), counter(5)])
        made.publish([gauge(2, "y"), counter(8)])
        made.publish([gauge(4, "y"), counter(1)])
        show()
    """
    found = run(tmp_path, code)
    # What is gone is 0; what counted was made anew, and had counted one since.
    assert found == {("tianji_sum", "x"): 0, ("tianji_sum", "y"): 4, ("tianji_things_total",): 9}
