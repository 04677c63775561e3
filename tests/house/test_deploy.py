"""Dashboards, alerts and the table of metrics name what the gateway and the callback `prometheus` expose."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from house import ROOT
from prometheus_client import PROCESS_COLLECTOR

from tianji_callback_prometheus.catalogue import METRICS
from tianji_core.gateway import Gateway

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yaml"
DASHBOARDS = sorted(ROOT.glob("deploy/grafana/*.json"))
TABLE = ROOT / "docs" / "guides" / "metrics.md"
OF_PROMETHEUS = {"up": {"job", "instance"}}
EVERYWHERE = {"job", "instance", "le"}
WORDS = frozenset(
    {"by", "count", "histogram_quantile", "increase", "label_values", "max", "min", "or", "rate", "sum", "vector"}
)
"""Names in PromQL that are no metrics."""


def everything():
    """A gateway that has all that it can tell something of; it is never started."""
    return Gateway.from_config(
        {
            "model_list": [
                {
                    "model_name": "m",
                    "litellm_params": {"model": "echo/e", "rpm": 1, "tpm": 1},
                    "model_info": {"id": "x"},
                }
            ],
            "litellm_settings": {
                "callbacks": ["prometheus"],
                "cache": True,
                "cache_params": {"type": "redis", "host": "127.0.0.1", "port": 1},
            },
            "router_settings": {"provider_budget_config": {"echo": {"budget_limit": 1, "time_period": "1d"}}},
            "general_settings": {"database_url": "sqlite:///never-opened.db"},
        }
    )


@pytest.fixture(scope="module")
def exposed():
    """Every name that a scrape can show, and its labels."""
    found = {name: set(labels) for name, labels in OF_PROMETHEUS.items()}
    for metric in METRICS.values():
        endings = ("_total",) if metric.kind == "counter" else ("_bucket", "_sum", "_count")
        found |= {metric.name + ending: set(metric.labels) for ending in endings}
    for family in everything().metrics():
        ending = "_total" if family.kind == "counter" and not family.name.endswith("_total") else ""
        found[family.name + ending] = set(family.labels)
    for family in PROCESS_COLLECTOR.collect():
        found |= {sample.name: set() for sample in family.samples}
    return found


def queries():
    """Every query of the repository, with where it stands."""
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        for rule in group["rules"]:
            yield f"alert {rule['alert']}", rule["expr"]
    for path in DASHBOARDS:
        made = json.loads(path.read_text())
        for panel in made["panels"]:
            for target in panel["targets"]:
                yield f"{path.name}: {panel['title']}", target["expr"]
        for variable in made["templating"]["list"]:
            if variable["type"] == "query":
                yield f"{path.name}: ${variable['name']}", variable["query"]["query"]


def names_in(query):
    """The metrics of a query, and the labels that it speaks of."""
    labels = set()
    for inside in re.findall(r"\{([^}]*)\}", query):
        labels |= set(re.findall(r"(\w+)\s*[=!]", inside))
    for inside in re.findall(r"\bby \(([^)]*)\)", query):
        labels |= {each.strip() for each in inside.split(",")}
    if found := re.match(r"label_values\(.*, (\w+)\)$", query):
        labels.add(found[1])
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\bby \([^)]*\)|\"[^\"]*\"|, \w+\)$", " ", query)
    return {name for name in re.findall(r"[a-zA-Z_:][\w:]*", bare) if name not in WORDS}, labels


def test_there_are_queries():
    assert len(DASHBOARDS) == 4
    assert len(list(queries())) > 60


@pytest.mark.parametrize(("place", "query"), list(queries()), ids=lambda value: str(value)[:60])
def test_every_query_asks_for_what_there_is(exposed, place, query):
    names, labels = names_in(query)
    assert names, place
    assert not names - exposed.keys(), place
    known = EVERYWHERE.union(*(exposed[name] for name in names))
    assert not labels - known, place


def test_alerts_speak_of_labels_that_they_keep():
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        for rule in group["rules"]:
            kept = set(re.findall(r"\w+", " ".join(re.findall(r"\bby \(([^)]*)\)", rule["expr"]))))
            used = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["description"]))
            assert used <= (kept or EVERYWHERE), rule["alert"]


def test_the_table_of_metrics_is_whole(exposed):
    """Each metric of the gateway and of calls has a line, and each line is of one that is there."""
    first_cells = re.findall(r"^\| (`[^|]*) \|", TABLE.read_text(), re.MULTILINE)
    told = set(re.findall(r"`((?:litellm|tianji)_\w+)`", " ".join(first_cells)))
    plain = {name for name in exposed if name.startswith(("litellm_", "tianji_"))}
    for metric in METRICS.values():
        if metric.kind == "histogram":
            plain -= {metric.name + ending for ending in ("_bucket", "_sum", "_count")}
            plain.add(metric.name)
    assert told == plain
