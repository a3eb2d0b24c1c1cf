"""A real Prometheus scrapes the real dashboard, of a real monitor that also restarts."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from porteye_core.metrics.families import FAMILIES
from tests.kit.app import App, dashboard
from tests.kit.processes import bound, end
from tests.kit.prometheus import (
    Prometheus,
    needs_prometheus,
    needs_promtool,
    prometheus,
    promtool,
)
from tests.kit.service import PROJECT, monitor, rows
from tests.kit.waiting import until

TOKEN = "correct-horse-battery-staple"
# On an address of its own: other programs may have the port on another one.
ADDRESS, PORT = "127.93.17.5", 4321
BINDS = 10_000
CLIENTS = 3
BINDER = PROJECT / "tests" / "kit" / "binder.py"
PROGRAM = 'program="binder.py (python)"'
OURS = f'porteye_listeners{{port="{PORT}",{PROGRAM}}}'

pytestmark = pytest.mark.host


@pytest.fixture
def app(db: Path, tmp_path: Path) -> Iterator[App]:
    """A dashboard below a path, with a token, that starts no monitor."""
    with dashboard(
        db,
        tmp_path,
        PORTEYE_MONITOR="off",
        PORTEYE_TOKEN=TOKEN,
        STREAMLIT_SERVER_BASE_URL_PATH="/tools/ports",
    ) as running:
        yield running


@pytest.fixture
def scraped(app: App, tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus that scrapes it."""
    folder = tmp_path / "prometheus"
    folder.mkdir()
    with prometheus(folder, f"{app.url}/metrics", TOKEN) as running:
        until(lambda: running.value("up") == 1, "the dashboard was scraped")
        yield running


def label_sets(scraped: Prometheus) -> set[tuple[tuple[str, str], ...]]:
    """The label sets of the binder's series; which families they have differs by their samples."""
    return {
        tuple(sorted((name, text) for name, text in each.items() if name != "__name__"))
        for each in scraped.series(f"{{{PROGRAM}}}")
    }


def wait_for(scraped: Prometheus, expression: str, value: float | None) -> None:
    until(lambda: scraped.value(expression) == value, f"{expression} is {value}")


def watching(db: Path) -> "ExitStack":
    stack = ExitStack()
    stack.enter_context(monitor(db, "--sample-interval", "0.5", "--log-level", "warning"))
    return stack


@needs_prometheus
@pytest.mark.long
def test_a_prometheus_has_right_values_through_restarts_and_ten_thousand_ports(
    db: Path, scraped: Prometheus
) -> None:
    wait_for(scraped, "porteye_up", 0)
    assert scraped.series("porteye_listeners") == []
    watch = watching(db)
    with ExitStack() as stack:
        stack.enter_context(watch)
        wait_for(scraped, "porteye_up", 1)
        binder = subprocess.Popen(
            bound(sys.executable, str(BINDER), ADDRESS, str(PORT), str(BINDS)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(end, binder)
        wait_for(scraped, OURS, 1)
        clients = [stack.enter_context(socket.create_connection((ADDRESS, PORT))) for _ in range(3)]
        waiting = OURS.replace("porteye_listeners", "porteye_accept_queue")
        connected = OURS.replace("porteye_listeners", "porteye_clients")
        # Nobody accepts: they are connected, and wait.
        wait_for(scraped, connected, CLIENTS)
        if rows(db, "SELECT 1 FROM watch WHERE source != 'portable'"):
            wait_for(scraped, waiting, CLIENTS)
        assert binder.stdout is not None
        assert binder.stdout.readline() == "done\n"
        ephemeral = f'porteye_listeners{{port="ephemeral",{PROGRAM}}}'
        wait_for(scraped, ephemeral, 20)
        before = label_sets(scraped)
        assert {dict(each)["port"] for each in before} == {str(PORT), "ephemeral"}
        assert len(before) == 2
        _restart(db, scraped, watch, stack)
        wait_for(scraped, OURS, 1)
        wait_for(scraped, ephemeral, 20)
        assert label_sets(scraped) == before
        for client in clients:
            client.close()
        end(binder)
        wait_for(scraped, OURS, None)
    wait_for(scraped, "porteye_up", 0)
    _agrees_with_the_database(db, scraped)


def _restart(db: Path, scraped: Prometheus, watch: ExitStack, stack: ExitStack) -> None:
    """End the monitor and start another one; nothing is said of listeners meanwhile."""
    watch.close()
    wait_for(scraped, "porteye_up", 0)
    assert scraped.query("porteye_listeners") == []
    assert scraped.query("porteye_watch_seconds") == []
    gap = scraped.known("porteye_gap_seconds_total")
    until(lambda: (scraped.value("porteye_gap_seconds_total") or 0) > gap, "the gap grows")
    stack.enter_context(watching(db))
    wait_for(scraped, "porteye_up", 1)


def _agrees_with_the_database(db: Path, scraped: Prometheus) -> None:
    """The counters have the numbers of the database, and never went back; every family came."""
    for kind, count in rows(db, "SELECT kind, count(*) FROM event GROUP BY kind"):
        wait_for(scraped, f'porteye_events_total{{kind="{kind}"}}', float(str(count)))
    if rows(db, "SELECT 1 FROM watch WHERE source = 'tracepoint'"):
        assert scraped.known('porteye_events_total{kind="opened"}') > BINDS
    for counter in ("porteye_events_total", "porteye_gap_seconds_total"):
        assert {value for _, value in scraped.query(f"resets({counter}[1h])")} == {0}
    names = {each["__name__"] for each in scraped.series('{__name__=~"porteye_.+"}')}
    expected = {f"{each.name}{each.suffix}" for each in FAMILIES}
    assert expected - names <= {"porteye_accept_queue", "porteye_backlog"}
    assert names <= expected


@needs_promtool
def test_promtool_finds_no_fault_with_the_text(db: Path, app: App) -> None:
    with watching(db), socket.create_server((ADDRESS, PORT)):
        wanted = f'port="{PORT}"'

        def text() -> str:
            status, body = app.get("/metrics", Authorization=f"Bearer {TOKEN}")
            assert status == 200
            return body if wanted in body and "porteye_cpu_ratio{" in body else ""

        checked = promtool("check", "metrics", text=until(text, "the listener is told of"))
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_metrics_are_below_the_base_path_behind_the_token_alone(app: App) -> None:
    assert app.get("/metrics")[0] == 401
    assert app.get("/metrics", Authorization=f"Bearer {TOKEN}")[0] == 200
    outside = App(app.process, app.url.removesuffix("/tools/ports"), app.log)
    assert outside.get("/metrics", Authorization=f"Bearer {TOKEN}")[0] == 404
