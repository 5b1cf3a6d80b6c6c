"""docs/operating.md names what is there: settings, metrics, reasons and alerts."""

import re
from pathlib import Path
from typing import Any, get_args

import promql_parser
import pytest
import yaml
from prometheus_client import CollectorRegistry

from fanfold_submit.meters import Meters
from fanfold_submit.queueing.view import Reason
from fanfold_submit.settings import Settings
from fanfold_web.metrics import Metrics
from tests.submit_api.conftest import Site

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/operating.md").read_text()
RULES = yaml.safe_load((ROOT / "argo/components/monitoring/rules.yaml").read_text())["spec"]["groups"]


def metrics_of(text: str) -> set[str]:
    """The names of what a service counts, without what Prometheus makes of a histogram."""
    typed = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
    return {name for name, _ in typed}


@pytest.mark.thorough
def test_every_metric_is_documented_and_every_documented_one_is_there(site: Site) -> None:
    served = metrics_of(site.bearer(None).http.get("/metrics").text) | metrics_of(Metrics("auth").render().decode())
    assert served == set(re.findall(r"^\| `(fanfold_\w+)` \|", DOCUMENT, re.MULTILINE))


@pytest.mark.thorough
def test_metrics_say_what_happened(site: Site) -> None:
    ada = site.user("ada")
    ada.put("texts/a.txt")
    job = ada.submit(key="once").json()["id"]
    ada.wait(job)
    ada.submit(key="once")
    assert ada.submit(inputs=["files:none/"]).status_code == 422
    lines = site.bearer(None).http.get("/metrics").text.splitlines()
    figures = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    for outcome in ("admitted", "repeated", "refused"):
        assert figures[f'fanfold_submit_submissions_total{{outcome="{outcome}"}}'] == "1.0"
    assert figures["fanfold_submit_dispatches_total"] == "1.0"
    assert figures['fanfold_submit_jobs_ended_total{state="succeeded"}'] == "1.0"
    assert float(figures["fanfold_submit_worker_seconds_total"]) > 0
    assert float(figures["fanfold_submit_reconcile_seconds_count"]) > 1
    assert "ada" not in "".join(lines) and job not in "".join(lines)


def test_each_documented_value_of_a_label_is_counted_from_0_on() -> None:
    """Prometheus sees no increase in a counter that appears as 1, so no alert would fire at the first bug."""
    registry = CollectorRegistry()
    Meters.of(registry)
    counted = {
        (sample.name, *sample.labels.values())
        for metric in registry.collect()
        for sample in metric.samples
        if metric.type == "counter" and sample.labels and sample.value == 0
    }
    rows = re.findall(r"^\| `(fanfold_submit_(?!requests)\w+_total)` \| `\w+` \| (.*) \|$", DOCUMENT, re.MULTILINE)
    assert len(rows) == 5
    assert counted == {(name, value) for name, text in rows for value in re.findall(r"`(\w+)`", text)}


def test_rules_ask_for_metrics_that_are_there() -> None:
    named = set(re.findall(r"^\| `(fanfold_\w+)` \|", DOCUMENT, re.MULTILINE))
    rules: list[dict[str, Any]] = [rule for group in RULES for rule in group["rules"]]
    assert [rule["alert"] for rule in rules] == re.findall(r"^\| `(Fanfold\w+)` \|", DOCUMENT, re.MULTILINE)
    for rule in rules:
        asked = re.findall(r"fanfold_(?:\(auth\|submit\)|\w)+", rule["expr"])
        assert asked or "up{" in rule["expr"], rule["alert"]
        for name in (name.removesuffix("_bucket").replace("(auth|submit)", "submit") for name in asked):
            assert name in named, rule["alert"]
        promql_parser.parse(rule["expr"])
        assert {"summary", "description"} == rule["annotations"].keys() and rule["labels"]["severity"]


def test_settings_and_reasons_are_documented() -> None:
    rows = "".join(line for line in DOCUMENT.splitlines() if line.startswith("|"))
    settings = {name.lower() for name in re.findall(r"`([A-Z_]+)`", rows)}
    limits = {name for name in Settings.model_fields if re.match("jobs|workers|kept_bytes|bundle_bytes", name)}
    assert settings == limits
    assert set(get_args(Reason)) <= set(re.findall(r"`([a-z-]+)`", rows))
