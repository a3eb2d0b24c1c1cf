"""Real programs, step by step under each source: does the database agree with ss and ps?"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks import machine, peers
from benchmarks.report import Cell, Check, Report, Table, as_text
from benchmarks.service import watching
from benchmarks.zoo import network
from benchmarks.zoo.programs import PROGRAMS
from benchmarks.zoo.runner import HISTORY, Result, Runner
from benchmarks.zoo.steps import Program
from benchmarks.zoo.stored import Stored

SOURCES = ("tracepoint", "sock_diag", "portable")
# Below those that Linux gives to whoever asks for any port: a listener whose namespace is not known
# counts as the zoo's if its port is one of these.
_PORTS = range(20_400, 20_800)
_PORTS_EACH = 10
# In the document, what stands from this line on is replaced.
_RESULTS = "## Results\n"


class Unavailable(Exception):
    """A source cannot be used here; the message says why."""


def add_flags(flags: argparse.ArgumentParser) -> None:
    """The programs and sources to run, the monitor's tick, and the time until a fault."""
    names = [each.name for each in PROGRAMS]
    flags.add_argument("--program", action="append", choices=names, help="only this; repeatable")
    flags.add_argument("--source", action="append", choices=SOURCES, help="only this; repeatable")
    flags.add_argument("--sample-interval", type=float, default=10, help="the monitor's, seconds")
    flags.add_argument("--patience", type=float, default=45, help="seconds until a fault")
    flags.add_argument("--document", type=Path, help="write the results into this Markdown file")


def run(options: argparse.Namespace) -> Report:
    """Run every program under every source, each source in a network namespace of its own."""
    unusable = _unusable()
    if unusable:
        return Report((), skipped=unusable)
    chosen = [each for each in PROGRAMS if not options.program or each.name in options.program]
    skipped = {each.name: reason for each in chosen if (reason := _missing(each))}
    programs = [each for each in chosen if each.name not in skipped]
    results: dict[str, list[Result]] = {}
    for source in options.source or SOURCES:
        try:
            results[source] = _run_under(source, programs, options)
        except Unavailable as err:
            skipped[source] = str(err)
    report = Report(
        (_table(programs, results),),
        tuple(_check(source, found) for source, found in results.items()),
        skipped,
        faults=tuple(_faults(results)),
    )
    if options.document:
        _write(options.document, report)
    return report


def _unusable() -> dict[str, str]:
    if os.geteuid():
        return {"zoo": "only root sees every holder and may make a network namespace"}
    return peers.missing(("ss", "ps", "ip"))


def _missing(program: Program) -> str:
    absent = [each for each in program.needs.values() if not _path(each)]
    return f"there is no {', '.join(absent)} on this machine" if absent else ""


def _path(need: str) -> str:
    """The path of an executable, the last one of those that a pattern fits; empty if none."""
    if "/" not in need:
        return shutil.which(need) or ""
    return max(map(str, Path("/").glob(need.removeprefix("/"))), default="")


def _run_under(
    source: str, programs: Sequence[Program], options: argparse.Namespace
) -> list[Result]:
    with ExitStack() as stack:
        try:
            namespace = network.enter_new()
            tick = ("--sample-interval", str(options.sample_interval))
            service = stack.enter_context(watching("--source", source, *tick))
        except (OSError, RuntimeError) as err:
            raise Unavailable(str(err)) from err
        stored = Stored(service.db, namespace, _PORTS)
        runner = Runner(service, stored, namespace, options.patience)
        results: list[Result] = []
        for program, first in zip(programs, _PORTS[::_PORTS_EACH], strict=False):
            print(f"{source}: {program.name}", file=sys.stderr)
            with tempfile.TemporaryDirectory(prefix="porteye-zoo-") as folder:
                results += runner.run(program, Path(folder), _words(program, first))
    return results


def _words(program: Program, first: int) -> Mapping[str, str]:
    paths = {word: _path(need) for word, need in program.needs.items()}
    return {**paths, "python": sys.executable, "port": str(first), "port2": str(first + 1)}


def _table(programs: Sequence[Program], results: Mapping[str, Sequence[Result]]) -> Table:
    cells = {
        (each.program, each.step, source): _cell(each)
        for source, found in results.items()
        for each in found
    }
    rows: list[tuple[Cell, ...]] = []
    for program in programs:
        steps = [(step.name, step.sockets, step.holders) for step in program.steps]
        for step, sockets, holders in [*steps, (HISTORY, None, None)]:
            outcome = [cells.get((program.name, step, source)) for source in results]
            rows.append((program.name, step, sockets, holders if sockets else None, *outcome))
    return Table(
        "sockets and their holders after each step, and seconds until the database agrees",
        ("program", "step", "sockets", "holders of each", *results),
        tuple(rows),
    )


def _cell(result: Result) -> Cell:
    return "FAULT" if result.seconds is None else round(result.seconds, 1)


def _check(source: str, results: Sequence[Result]) -> Check:
    faults = sum(bool(each.faults) for each in results)
    return Check(f"{source}: steps with a fault", f"{faults} of {len(results)}", "0", not faults)


def _faults(results: Mapping[str, Sequence[Result]]) -> Iterator[str]:
    for source, found in results.items():
        for each in found:
            if each.faults:
                lines = "\n  ".join(each.faults)
                yield f"FAULT: {source}: {each.program}, {each.step}:\n  {lines}"


def _write(document: Path, report: Report) -> None:
    """Replace the results in a document; the commit is left to whoever commits it."""
    before, _, _ = document.read_text().partition(_RESULTS)
    found = as_text("Commit COMMIT", machine.facts(), replace(report, faults=()))
    document.write_text(f"{before}{_RESULTS}\n{found}")
