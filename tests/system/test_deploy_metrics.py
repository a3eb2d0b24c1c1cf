"""The rules and the Grafana dashboard in deploy/, judged by promtool and by the families."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.prometheus import needs_promtool, promtool
from tests.kit.service import PROJECT

RULES = PROJECT / "deploy" / "prometheus" / "rules.yml"
GRAFANA = PROJECT / "deploy" / "grafana" / "porteye.json"
# Values of Grafana's variables.
VARIABLES = {"$instance": ".*", "$__rate_interval": "5m", "$__range": "1h"}
HOST = 'instance="here:8501"'
NGINX = f'{{{HOST}, protocol="tcp", port="8080", exposure="everywhere", program="nginx"}}'


def dashboard() -> Any:
    return json.loads(GRAFANA.read_text())


def panels() -> list[dict[str, Any]]:
    return [each for each in dashboard()["panels"] if each["type"] != "row"]


def expressions() -> Iterator[str]:
    """Each expression of the dashboard, with values for Grafana's variables."""
    for panel in panels():
        for target in panel["targets"]:
            text = target["expr"]
            for variable, value in VARIABLES.items():
                text = text.replace(variable, value)
            yield text


@needs_promtool
def test_promtool_finds_no_fault_with_the_rules() -> None:
    checked = promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "SUCCESS" in checked.stdout


@needs_promtool
def test_promtool_finds_no_fault_with_the_configuration_of_the_document(tmp_path: Path) -> None:
    document = (PROJECT / "docs" / "metrics.md").read_text()
    (block,) = re.findall(r"```yaml\n(.*?)```", document, re.DOTALL)
    token, file = tmp_path / "token", tmp_path / "prometheus.yml"
    token.write_text("correct-horse-battery-staple")
    file.write_text(block.replace("/etc/prometheus/porteye-token", str(token)))
    assert str(token) in file.read_text()
    checked = promtool("check", "config", str(file))
    assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_promtool
def test_promtool_understands_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    found = list(expressions())
    assert len(found) > 20
    assert not any("$" in each for each in found)
    lines = ["groups:", "- name: dashboard", "  rules:"]
    for number, each in enumerate(found):
        lines += [f"  - record: panel:{number}", f"    expr: {json.dumps(each)}"]
    rules = tmp_path / "rules.yml"
    rules.write_text("\n".join(lines))
    checked = promtool("check", "rules", str(rules))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(found)} rules found" in checked.stdout


def test_the_dashboard_is_whole_and_nothing_overlaps() -> None:
    found = dashboard()
    ids = [each["id"] for each in found["panels"]]
    assert len(set(ids)) == len(ids)
    sources = {each["name"] for each in found["templating"]["list"]}
    assert sources == {"datasource", "instance"}
    cells = set[tuple[int, int]]()
    for panel in found["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        own = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & own, panel["title"]
        cells |= own
    for panel in panels():
        assert {each["datasource"]["uid"] for each in panel["targets"]} == {"${datasource}"}
        assert panel["title"]


def test_an_expression_of_a_host_keeps_to_the_hosts_that_are_chosen() -> None:
    for panel in panels():
        for target in panel["targets"]:
            families = re.findall(r"porteye_\w+\{[^}]*\}", target["expr"])
            assert families
            assert all('instance=~"$instance"' in each for each in families), target["expr"]
            assert not re.search(r"porteye_\w+(?![\w{])", target["expr"])


CASES = {
    "PortEyeNobodyWatches": (f"porteye_up{{{HOST}}}", "0x100", "1x100"),
    "PortEyeNotScraped": (f'up{{{HOST}, job="porteye"}}', "0x100", "1x100"),
    "PortFlaps": (f'porteye_events_total{{{HOST}, kind="opened"}}', "0+1200x100", "0+60x100"),
    "PortEyeGap": (f"porteye_gap_seconds_total{{{HOST}}}", "0+5x100", "9x100"),
    "PortEyeLosesRecords": (f"porteye_lost_records_total{{{HOST}}}", "0+1x100", "7x100"),
    "PortEyeLeavesSeriesOut": (f"porteye_series_left_out{{{HOST}}}", "3x100", "0x100"),
}


@needs_promtool
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("is_firing", [True, False])
def test_an_alert_fires_when_it_shall_and_not_else(
    tmp_path: Path, name: str, *, is_firing: bool
) -> None:
    series, bad, good = CASES[name]
    assert_fires(tmp_path, name, {series: bad if is_firing else good}, 1 if is_firing else 0)


@needs_promtool
def test_a_full_accept_queue_is_told_of_and_one_that_can_never_fill_is_not(tmp_path: Path) -> None:
    queue, backlog = f"porteye_accept_queue{NGINX}", f"porteye_backlog{NGINX}"
    assert_fires(tmp_path, "AcceptQueueFull", {queue: "120x100", backlog: "128x100"}, 1)
    assert_fires(tmp_path, "AcceptQueueFull", {queue: "12x100", backlog: "128x100"}, 0)
    assert_fires(tmp_path, "AcceptQueueFull", {queue: "0x100", backlog: "0x100"}, 0)


@needs_promtool
def test_a_port_that_became_reachable_is_told_of_once_and_not_after_a_gap(tmp_path: Path) -> None:
    up, listeners = f"porteye_up{{{HOST}}}", f"porteye_listeners{NGINX}"
    name = "PortBecameReachable"
    assert_fires(tmp_path, name, {up: "1x100", listeners: "_x80 1x20"}, 1)
    assert_fires(tmp_path, name, {up: "1x100", listeners: "1x100"}, 0)
    local = listeners.replace("everywhere", "machine")
    assert_fires(tmp_path, name, {up: "1x100", local: "_x80 1x20"}, 0)
    # An hour before nobody watched: nothing is known of then.
    assert_fires(tmp_path, name, {up: "0x80 1x20", listeners: "_x80 1x20"}, 0)


def assert_fires(folder: Path, alert: str, series: dict[str, str], times: int) -> None:
    """The rules' alert is that often there after 100 minutes of these series."""
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    fired = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)'
    test = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": inputs,
                "promql_expr_test": [
                    {
                        "expr": fired,
                        "eval_time": "100m",
                        "exp_samples": [{"labels": "{}", "value": times}],
                    }
                ],
            }
        ],
    }
    file = folder / "test.yml"
    file.write_text(json.dumps(test))  # JSON is YAML
    checked = promtool("test", "rules", str(file))
    assert checked.returncode == 0, checked.stdout + checked.stderr
