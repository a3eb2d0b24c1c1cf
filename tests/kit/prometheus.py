"""Judges of metrics: the parsers of prometheus_client, promtool, and a real Prometheus."""

import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics import parser as of_open_metrics
from prometheus_client.parser import text_string_to_metric_families as of_text

from porteye_core.metrics.exposition import Form
from tests.kit.processes import bound, logged
from tests.kit.waiting import until

PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
needs_prometheus = pytest.mark.skipif(PROMETHEUS is None, reason="no Prometheus is installed")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="no promtool is installed")

_CONFIGURATION = """
global: {{scrape_interval: 2s, scrape_timeout: 2s}}
scrape_configs:
  - job_name: porteye
    metrics_path: {path}
    authorization: {{credentials_file: {token}}}
    static_configs: [{{targets: ["{target}"]}}]
"""


def parsed(text: str, form: Form) -> list[Metric]:
    """The families of a text; raises ValueError where it is not as its format says."""
    if form is Form.TEXT:
        return list(of_text(text))
    return list(of_open_metrics.text_string_to_metric_families(text))  # type: ignore[no-untyped-call]


def promtool(*words: str, text: str = "") -> "subprocess.CompletedProcess[str]":
    """Run promtool to its end, with this text as its standard input."""
    assert PROMTOOL is not None
    return subprocess.run(
        bound(PROMTOOL, *words), input=text, capture_output=True, text=True, check=False
    )


class Prometheus:
    """A Prometheus that runs."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its API."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=20) as answer:
            found = json.load(answer)
        assert found["status"] == "success", found
        return found["data"]

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """The labels and the value of each series of an instant vector."""
        found = self.ask("query", query=expression)["result"]
        return [(each["metric"], float(each["value"][1])) for each in found]

    def value(self, expression: str) -> float | None:
        """The value of the only series, None if there is none."""
        found = self.query(expression)
        assert len(found) <= 1, found
        return found[0][1] if found else None

    def known(self, expression: str) -> float:
        """The same once there is one: a scrape of a busy machine may come too late."""
        until(lambda: self.query(expression), f"{expression} is known")
        ((_, value),) = self.query(f"last_over_time(({expression})[1h:1s])")
        return value

    def series(self, selector: str) -> list[dict[str, str]]:
        """The labels of every series that there ever was."""
        found: list[dict[str, str]] = self.ask("series", **{"match[]": selector, "start": "0"})
        return found


@contextmanager
def prometheus(folder: Path, target: str, token: str) -> Iterator[Prometheus]:
    """A Prometheus that scrapes a URL every two seconds with a token, on a port of its choice."""
    assert PROMETHEUS is not None
    parts = urllib.parse.urlsplit(target)
    secret, configuration, log = (folder / name for name in ("token", "prometheus.yml", "log"))
    secret.write_text(token)
    configuration.write_text(
        _CONFIGURATION.format(path=parts.path, token=secret, target=parts.netloc)
    )
    with logged(
        log,
        *(PROMETHEUS, f"--config.file={configuration}", "--web.listen-address=127.0.0.1:0"),
        f"--storage.tsdb.path={folder / 'data'}",
    ) as process:
        yield Prometheus(until(lambda: _url(process, log), "Prometheus is up"))


def _url(process: "subprocess.Popen[bytes]", log: Path) -> str:
    text = log.read_text()
    assert process.poll() is None, text
    found = re.search(r'msg="Listening on" address=(127\.0\.0\.1:\d+)', text)
    if not found:
        return ""
    try:
        with urllib.request.urlopen(f"http://{found[1]}/-/ready", timeout=5):
            return f"http://{found[1]}"
    except OSError:
        return ""
