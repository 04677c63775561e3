"""`tianji serve --reload` with several workers, and a config in more than one file."""

from __future__ import annotations

import http.client
import json
import time

import pytest

from tianji_core.testing.server import ServerProcess

ROWS = 12
"""Requests in a row, each on a connection of its own, that have to agree: all workers have taken the change."""


def names(server):
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        line.request("GET", "/v1/models")
        answer = line.getresponse()
        assert answer.status == 200
        return {model["id"] for model in json.load(answer)["data"]}
    finally:
        line.close()


def all_have(server, model, *, present=True):
    deadline, agreed = time.monotonic() + 40, 0
    while agreed < ROWS:
        assert time.monotonic() < deadline, server.log()
        if (model in names(server)) == present:
            agreed += 1
        else:
            agreed = 0
            time.sleep(0.05)


def models(*listed):
    return [{"model_name": name, "litellm_params": {"model": "echo/echo-1"}} for name in listed]


@pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])
def test_every_worker_follows_what_is_included(tmp_path, server):
    included = tmp_path / "more.yaml"
    included.write_text(json.dumps({"model_list": models("second")}))
    main = tmp_path / "config.yaml"
    main.write_text(json.dumps({"include": ["more.yaml"], "model_list": models("first")}))
    running = ServerProcess(main, tmp_path / "run", args=["--workers", "2", "--reload", "--server", server]).start()
    try:
        all_have(running, "second")
        included.write_text(json.dumps({"model_list": models("second", "newcomer")}))
        all_have(running, "newcomer")
        included.write_text('{"model_list": [{"model_name": "half"')  # what cannot be read changes nothing
        time.sleep(1.5)
        all_have(running, "newcomer")
        main.write_text(json.dumps({"model_list": models("first", "alone")}))  # and includes no more
        all_have(running, "alone")
        all_have(running, "newcomer", present=False)
        assert running.stop(20) == 0
        assert "reload refused" in running.log()
    finally:
        running.stop()
