"""Write deploy/grafana/*.json, the Grafana dashboards: what is in them stands in `_panels.py`.

python scripts/dashboards.py            rewrite what is out of step
python scripts/dashboards.py --check    only say so, exit status 1
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from _generated import ROOT, main
from _panels import DASHBOARDS, Panel

FOLDER = ROOT / "deploy" / "grafana"
SOURCE = {"type": "prometheus", "uid": "${source}"}
WIDTH, HEIGHT = 24, 8
"""Grafana's columns, and the rows of a panel."""


def _variable(name: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": name,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
        "refresh": 2,
    }


def _panel(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    custom: dict[str, Any] = {"fillOpacity": 10, "showPoints": "never"}
    if panel.stacked:
        custom |= {"stacking": {"mode": "normal", "group": "A"}, "fillOpacity": 40}
    made: dict[str, Any] = {
        "id": number,
        "title": panel.title,
        "type": panel.kind,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": 4 if panel.width < 12 else HEIGHT},
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "custom": custom if panel.kind == "timeseries" else {}},
            "overrides": [],
        },
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": SOURCE,
                "expr": query,
                "legendFormat": legend,
                "instant": panel.kind != "timeseries",
                "range": panel.kind == "timeseries",
            }
            for index, (query, legend) in enumerate(panel.queries)
        ],
    }
    if panel.note:
        made["description"] = panel.note
    if panel.kind == "stat":
        made["options"] = {"reduceOptions": {"calcs": ["lastNotNull"]}}
    if panel.kind == "bargauge":
        made["options"] = {"orientation": "horizontal", "reduceOptions": {"calcs": ["lastNotNull"]}}
    return made


def dashboard(name: str) -> dict[str, Any]:
    """What Grafana imports."""
    title, panels = DASHBOARDS[name]
    made, x, y, row = [], 0, 0, 0
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > WIDTH:
            x, y = 0, y + row
        each = _panel(panel, number, x, y)
        row = each["gridPos"]["h"]
        made.append(each)
        x += panel.width
    source = {"name": "source", "label": "source", "type": "datasource", "query": "prometheus"}
    instances = 'label_values(tianji_build_info{job=~"$job"}, instance)'
    return {
        "uid": f"tianji-{name}",
        "title": title,
        "tags": ["tianji"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                source,
                _variable("job", "label_values(tianji_build_info, job)"),
                _variable("instance", instances),
            ]
        },
        "panels": made,
    }


def files() -> dict[Path, str]:
    """Every dashboard as it has to be."""
    return {
        FOLDER / f"{name}.json": json.dumps(dashboard(name), indent=1, ensure_ascii=False) + "\n" for name in DASHBOARDS
    }


if __name__ == "__main__":
    main(files)
