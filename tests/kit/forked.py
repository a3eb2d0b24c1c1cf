"""Writers and readers as processes; each is a fork of one that has loaded all modules, so that a
kill costs no start."""

import multiprocessing
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType

from porteye_core.store.file.connection import open_connection
from porteye_core.store.writing.startup import open_writer
from tests.kit.churn import churn, contradictions
from tests.kit.seeding import PLAN
from tests.kit.values import HOST, SECOND

if sys.platform != "win32":
    _FORKS = multiprocessing.get_context("forkserver")
    _FORKS.set_forkserver_preload([__name__])


@contextmanager
def _no_main_module() -> Iterator[None]:
    """A script that a test of the page has run may still count as the main module, which every new
    process would run again."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def start_writer(db: Path, steps: Iterable[int]) -> tuple[BaseProcess, Connection]:
    """A process that churns at these seconds, and where its acknowledgements arrive."""
    here, there = _FORKS.Pipe(duplex=False)
    process = _FORKS.Process(target=_write, args=(db, steps, there))
    with _no_main_module():
        process.start()
    there.close()
    return process, here


def rest(said: Connection) -> list[str]:
    """What was said until the process ended and is not read yet."""
    lines = []
    try:
        while True:
            lines.append(said.recv())
    except EOFError:
        return lines


@contextmanager
def readers(db: Path, number: int) -> Iterator[None]:
    """So many processes that read all the time; at the end none of them has failed."""
    ends = []
    for _ in range(number):
        here, there = _FORKS.Pipe()
        process = _FORKS.Process(target=_read, args=(db, there))
        with _no_main_module():
            process.start()
        there.close()
        ends.append((here, process))
    try:
        yield
    finally:
        for here, _ in ends:
            with suppress(BrokenPipeError):  # it has failed, and told why
                here.send("enough")
        answers = [here.recv() for here, _ in ends]
        for _, process in ends:
            process.join()
    assert all(isinstance(answer, int) and answer > 0 for answer in answers), answers


def _write(db: Path, steps: Iterable[int], said: Connection) -> None:
    steps = iter(steps)
    first = next(steps) * SECOND
    with open_writer(db, HOST, first) as writer:
        writer.begin_watch(first, PLAN)
        churn(writer, steps, said.send)


def _read(db: Path, told: Connection) -> None:
    """Read as fast as possible until anything is said; then tells how often, or what failed."""
    reads = 0
    try:
        while not told.poll():
            with open_connection(db) as reader:
                assert not contradictions(reader)
            reads += 1
    except Exception as err:  # noqa: BLE001 - whatever it is, the test shall name it
        told.send(repr(err))
    else:
        told.send(reads)
