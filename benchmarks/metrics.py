"""The server's time for /metrics, its size, and the same numbers written by prometheus_client."""

import argparse
import asyncio
import gzip
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message

from benchmarks.machine import quantile
from benchmarks.report import Cell, Check, Report, Table
from benchmarks.seed import add_scale, scale_of, seed
from porteye_core.api import create_metrics
from porteye_core.metrics.exposition import Form, exposition
from porteye_core.metrics.families import families
from porteye_core.metrics.family import MetricFamily, Type
from porteye_core.model import (
    AttributedSocket,
    Endpoint,
    Family,
    Opening,
    Precision,
    Process,
    ProcessKey,
    Program,
    Protocol,
    Sample,
    Socket,
    Tick,
    WatchPlan,
)
from porteye_core.store.tables.host_row import Host, machine_id
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Writer

_SECOND = 1_000_000
_FEW_MS, _MANY_MS, _FEW_KB = 10, 50, 60
_PER_LISTENER = 6  # numbers, each of a family
_SCRAPER = (
    (b"accept", b"application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"),
    (b"accept-encoding", b"gzip"),
)


@dataclass(frozen=True, slots=True)
class Scraped:
    """Answers to a scraper: milliseconds by the wall and of the processor, bytes as sent and
    unpacked, and the number of series. written, peer: milliseconds of the processor for the text
    alone, by PortEye and by prometheus_client."""

    listeners: int
    series: int
    took: Sequence[float]
    worked: Sequence[float]
    sent: int
    unpacked: int
    written: Sequence[float] = field(default=())
    peer: Sequence[float] = field(default=())


def add_flags(flags: argparse.ArgumentParser) -> None:
    """Size of the history, number of series, and number of rounds."""
    add_scale(flags, events=100_000)
    flags.add_argument("--series", type=int, default=5000, help="of the larger load")
    flags.add_argument("--rounds", type=int, default=40)


def run(options: argparse.Namespace) -> Report:
    """Scrape a seeded history with its open listeners, and then with more of them."""
    with tempfile.TemporaryDirectory(prefix="porteye-benchmark-") as folder:
        db = Path(folder) / "porteye.db"
        seed(db, scale_of(options))
        with _watched(db) as writer:
            _sample(db, writer)
            few = scraped(db, options.rounds)
            _open_more(writer, options.series // _PER_LISTENER + 1)
            _sample(db, writer)
            many = scraped(db, options.rounds)
    return Report((_table(options.rounds, (few, many)),), tuple(_checks(few, many)))


@contextmanager
def _watched(db: Path) -> Iterator[Writer]:
    """A watch of this process, which goes on with what is open."""
    now = time.time_ns() // 1000
    with open_writer(db, Host("workstation", machine_id(), "Linux", 16 << 30), now) as writer:
        writer.begin_watch(now, WatchPlan("sock_diag", _SECOND, 10 * _SECOND))
        yield writer


def _sample(db: Path, writer: Writer) -> None:
    """A sample of each listener that is open."""
    ids = writer.open_listeners(lambda found: [each.id for each in found])
    now = time.time_ns() // 1000
    samples = [Sample(each, 150 + each % 90, each << 20, each % 7, 0, 128) for each in ids]
    size = db.stat().st_size
    writer.record_tick(Tick(now, now, len(ids), 0, 900, 0, size=size), samples)


def _open_more(writer: Writer, count: int) -> None:
    """Listeners on ports of their own, each with a label set of its own."""
    now = time.time_ns() // 1000
    first = 10_000
    writer.record_changes(
        now,
        [Opening(_service(port), now, Precision.POLL) for port in range(first, first + count)],
    )


def _service(port: int) -> AttributedSocket:
    endpoint = Endpoint(Protocol.TCP, Family.IPV4, "0.0.0.0", port)
    name = f"service{port % 100}"
    program = Program(name, f"/usr/bin/{name}", "dev", f"{name} --port {port}")
    owner = Process(ProcessKey(port, port), program, unit=f"{name}.service")
    return AttributedSocket(Socket(endpoint, port, port), owner, (owner,))


def scraped(db: Path, rounds: int) -> Scraped:
    """Answers of the application, each asked as Prometheus asks, after one that is not counted."""
    took, worked, body = asyncio.run(_asked(create_metrics(db), rounds))
    found = families(db, time.time_ns() // 1000)
    (listeners,) = (each.samples for each in found if each.name == "porteye_listeners")
    series = sum(len(each.samples) for each in found)
    registry = CollectorRegistry()
    registry.register(_Peer(found))
    return Scraped(
        int(sum(listeners.values())),
        series,
        took,
        worked,
        len(body),
        len(gzip.decompress(body)),
        _worked(lambda: exposition(found, Form.TEXT), rounds),
        _worked(lambda: generate_latest(registry), rounds),
    )


def _worked(work: Callable[[], object], rounds: int) -> list[float]:
    """Milliseconds of the processor, in each round."""
    worked = list[float]()
    for _ in range(rounds):
        began = time.process_time()
        work()
        worked.append((time.process_time() - began) * 1000)
    return worked


async def _asked(app: ASGIApp, rounds: int) -> tuple[list[float], list[float], bytes]:
    """Milliseconds of the answers, by the wall and of the processor, and the last one's body."""
    body = await _answer(app)
    took, worked = list[float](), list[float]()
    for _ in range(rounds):
        began, at_work = time.perf_counter(), time.process_time()
        body = await _answer(app)
        took.append((time.perf_counter() - began) * 1000)
        worked.append((time.process_time() - at_work) * 1000)
    return took, worked, body


async def _answer(app: ASGIApp) -> bytes:
    """The body of an answer; RuntimeError if it is no success."""
    sent = list[Message]()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/metrics", "headers": _SCRAPER}
    await app({**scope, "query_string": b""}, receive, send)
    start, *rest = sent
    body = b"".join(each["body"] for each in rest)
    if start["status"] != 200:
        raise RuntimeError(f"/metrics answered {start['status']}: {body.decode()}")
    return body


class _Peer(Collector):
    """The same families for prometheus_client."""

    def __init__(self, found: Sequence[MetricFamily]) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        """Make each family as the library's own collectors do."""
        makers = {
            Type.GAUGE: GaugeMetricFamily,
            Type.COUNTER: CounterMetricFamily,
            Type.INFO: InfoMetricFamily,
        }
        for family in self._found:
            made = makers[family.type](family.name, family.help, labels=family.labels)
            for labels, value in family.samples.items():
                values = [text for _, text in labels]
                made.add_metric(values, {} if family.type is Type.INFO else value)
            yield made


def _table(rounds: int, found: Sequence[Scraped]) -> Table:
    columns = (
        *("listeners", "series", "p50 ms", "p95 ms", "p50 CPU ms", "p95 CPU ms"),
        *("gzipped kB", "kB", "text alone, CPU ms", "by prometheus_client"),
    )
    return Table(f"One scrape, {rounds} rounds", columns, tuple(map(_row, found)))


def _row(each: Scraped) -> tuple[Cell, ...]:
    times = (quantile(of, share) for of in (each.took, each.worked) for share in (0.5, 0.95))
    sizes = each.sent / 1000, each.unpacked / 1000
    texts = quantile(each.written, 0.5), quantile(each.peer, 0.5)
    return f"{each.listeners:,}", each.series, *times, *sizes, *texts


def _checks(few: Scraped, many: Scraped) -> Iterator[Check]:
    for each, budget in ((few, _FEW_MS), (many, _MANY_MS)):
        took = quantile(each.took, 0.5) or 0.0
        what = f"server time at {each.listeners:,} listeners, {each.series:,} series, p50"
        yield Check(what, f"{took:.1f} ms", f"{budget} ms", took <= budget)
    size = few.sent / 1000
    what = f"gzipped size at {few.listeners:,} listeners"
    yield Check(what, f"{size:.1f} kB", f"{_FEW_KB} kB", size <= _FEW_KB)
