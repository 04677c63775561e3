"""Prometheus itself scrapes a gateway; its own tool looks at what is exposed, at the alerts and at the dashboards."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse
from promptness import soonest
from real_servers import needs

from tianji_core.testing import Answer
from tianji_core.testing.server import free_port

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
DASHBOARDS = sorted(ROOT.glob("deploy/grafana/*.json"))
KEY = "sk-e2e-0123456789abcdefghij"
VARIABLES = {"$__rate_interval": "1m", "$__range": "1h", "$job": ".*", "$instance": ".*"}
"""What Grafana puts into queries."""


@pytest.fixture
def promtool():
    """Runs promtool: its exit status, and all that it says."""
    if shutil.which("promtool") is None:
        needs("Prometheus", FileNotFoundError("promtool is not on the PATH"))

    def run(*args, given=""):
        done = subprocess.run(["promtool", *args], input=given, capture_output=True, text=True, check=False, timeout=30)
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture
def prometheus(tmp_path):
    """Starts a Prometheus that scrapes these targets every 200 ms; gives a function that asks it queries."""
    if shutil.which("prometheus") is None:
        needs("Prometheus", FileNotFoundError("prometheus is not on the PATH"))
    started = []

    def start(*targets, key=KEY):
        port = free_port()
        (tmp_path / "key").write_text(key)
        config = {
            "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"},
            "rule_files": [str(ALERTS)],
            "scrape_configs": [
                {
                    "job_name": "tianji",
                    "authorization": {"credentials_file": str(tmp_path / "key")},
                    "static_configs": [{"targets": list(targets)}],
                }
            ],
        }
        path = tmp_path / "prometheus.yml"
        path.write_text(json.dumps(config))
        with (tmp_path / "prometheus.log").open("wb") as log:
            command = ["prometheus", f"--config.file={path}", f"--storage.tsdb.path={tmp_path}/data"]
            process = subprocess.Popen(
                [*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=subprocess.STDOUT
            )
        started.append(process)

        def ask(path, **query):
            url = f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    return json.load(answer)["data"]
            except urllib.error.HTTPError as error:
                return None if error.code == 503 else json.load(error)  # 503: it still starts
            except OSError:
                assert process.poll() is None, (tmp_path / "prometheus.log").read_text()
                return None

        return ask

    yield start
    for process in started:
        process.terminate()
        process.wait(10)


@pytest.fixture
def config(fake_upstream):
    fake_upstream.answer(
        script=lambda request: Answer.chat_stream("a", "b") if request.json().get("stream") else Answer.chat("Hi")
    )
    row = {"model": "openai_compatible/up", "api_base": fake_upstream.base, "api_key": "sk-up"}
    return {
        "model_list": [{"model_name": "m", "litellm_params": row, "model_info": {"id": "the-row"}}],
        "litellm_settings": {"callbacks": ["prometheus"]},
        "general_settings": {"master_key": KEY},
        "router_settings": {"num_retries": 0},
    }


def chat(server, **members):
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **members}
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    request = urllib.request.Request(f"{server.url}/v1/chat/completions", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def scrape(server):
    request = urllib.request.Request(f"{server.url}/metrics", headers={"authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def total(text, name):
    found = [sample.value for family in parse(text) for sample in family.samples if sample.name == name]
    return sum(found) if found else None


def until(read, wanted, seconds=15.0):
    """Read until it is what is wanted."""
    deadline = time.monotonic() + seconds
    while (found := read()) != wanted:
        assert time.monotonic() < deadline, f"it is {found}, not {wanted}"
        time.sleep(0.05)


def test_prometheus_scrapes_and_its_tool_has_nothing_to_say(tianji_server, config, prometheus, promtool):
    server = tianji_server(config)
    ask = prometheus(f"127.0.0.1:{server.port}")
    assert [chat(server) for _ in range(5)] == [200] * 5
    assert chat(server, stream=True) == 200
    assert chat(server, model="slip") == 400

    def value(query):
        data = ask("query", query=query)
        return None if not data or not data["result"] else float(data["result"][0]["value"][1])

    until(lambda: value('up{job="tianji"}'), 1)
    until(lambda: value("sum(litellm_proxy_total_requests_metric_total)"), 7)
    assert value('sum(litellm_requests_metric_total{model_id="the-row"})') == 6
    assert value("sum(litellm_llm_api_time_to_first_token_metric_count)") == 1
    assert value('litellm_deployment_state{model_id="the-row"}') == 0

    # Every query of a dashboard, and every alert, is one that Prometheus can answer.
    for dashboard in DASHBOARDS:
        for panel in json.loads(dashboard.read_text())["panels"]:
            for target in panel["targets"]:
                query = target["expr"]
                for name, put in VARIABLES.items():
                    query = query.replace(name, put)
                assert "resultType" in ask("query", query=query), (dashboard.name, panel["title"], query)
    rules = [rule for group in ask("rules")["groups"] for rule in group["rules"]]
    assert len(rules) == ALERTS.read_text().count("- alert:")
    until(lambda: {rule["health"] for group in ask("rules")["groups"] for rule in group["rules"]}, {"ok"})

    assert promtool("check", "metrics", given=scrape(server)) == (0, "")
    status, said = promtool("check", "rules", str(ALERTS))
    assert status == 0, said


def test_scrapers_that_do_not_read_hold_nobody_up(tianji_server, config):
    server = tianji_server(config)
    head = f"GET /metrics HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n\r\n".encode()
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(50)]
    try:
        for sock in slow:
            sock.sendall(head * 20)

        def one():
            before = time.perf_counter()
            assert chat(server) == 200
            return time.perf_counter() - before

        assert soonest(one, 0.5) < 0.5
        assert total(scrape(server), "tianji_build_info") == 1
    finally:
        for sock in slow:
            sock.close()


def test_a_wrong_key_is_seen_as_down(tianji_server, config, prometheus):
    server = tianji_server(config)
    ask = prometheus(f"127.0.0.1:{server.port}", key="sk-wrong")

    def state():
        targets = (ask("targets") or {"activeTargets": []})["activeTargets"]
        return [(target["health"], "401" in target["lastError"]) for target in targets]

    until(state, [("down", True)])


@pytest.mark.parametrize("kind", ["uvicorn", "hypercorn"])
def test_workers_count_together(tianji_server, config, tmp_path, kind, promtool):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    server = tianji_server(config, "--workers", "2", "--server", kind, env={"TMPDIR": str(temporary)}, timeout=40)
    [shared] = temporary.glob("tianji-metrics-*")

    def workers():
        return {int(found[1]) for file in shared.iterdir() if (found := re.search(r"_(\d+)\.db", file.name))}

    def ended():
        """What several scrapes say, whichever process they meet."""
        return {total(scrape(server), "litellm_proxy_total_requests_metric_total") for _ in range(5)}

    until(lambda: len(workers()), 2)
    assert [chat(server) for _ in range(30)] == [200] * 30
    until(ended, {30})
    text = scrape(server)
    assert total(text, "litellm_request_total_latency_metric_count") == 30
    assert total(text, "tianji_callback_delivered_records_total") is not None
    assert total(text, "tianji_build_info") == 1
    assert promtool("check", "metrics", given=text) == (0, "")

    if kind == "uvicorn":  # which starts another worker in the place of one that died
        gone = min(workers())
        os.kill(gone, signal.SIGKILL)
        until(lambda: len(workers()), 3)
        until(lambda: bool(scrape(server)) and not [*shared.glob(f"gauge_live*_{gone}.db")], True)
        assert ended() == {30}, "what a worker had counted is lost with it"

    assert server.stop() == 0
    assert not shared.exists()
    assert "Traceback" not in server.log(), server.log()


def test_a_directory_of_ones_own_is_emptied_at_start(tianji_server, config, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "counter_1.db").write_bytes(b"of an earlier run")
    (shared / "notes.txt").write_text("mine")
    server = tianji_server(config, "--workers", "2", env={"PROMETHEUS_MULTIPROC_DIR": str(shared)}, timeout=40)
    assert chat(server) == 200
    until(lambda: total(scrape(server), "litellm_proxy_total_requests_metric_total"), 1)
    assert not (shared / "counter_1.db").exists()
    assert server.stop() == 0
    assert (shared / "notes.txt").exists()
