"""An alerts engine on a database of a real writer, with clocks that do as they are told."""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from porteye_core.alerts.alert_clock import Moment
from porteye_core.alerts.engine import Engine, Place
from porteye_core.alerts.timers import DAY, HOUR, MINUTE, Rules
from porteye_core.judging import expected_file
from porteye_core.model import (
    Closing,
    Endpoint,
    Listener,
    Opening,
    Precision,
    Process,
    Tick,
    WatchPlan,
)
from porteye_core.store.alerts import (
    Connection,
    Finding,
    Receiver,
    beside,
    newest_findings,
    open_to_read,
    open_to_write,
)
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Writer
from tests.kit.values import HOST, SECOND, endpoint, owned, process

__all__ = ["DAY", "HOOK", "HOUR", "MINUTE", "SECOND", "Judged", "judged"]

# A Sunday noon in UTC.
NOON = 1_795_953_600 * SECOND
NETNS = 4_026_531_840
PLAN = WatchPlan("scripted", SECOND, 10 * SECOND)
HOOK = Receiver("hook", "webhook", "webhook h", "", 0)
FILE = """
[[expected]]
port = 22
reach = "every interface"
program = "sshd"
always = true
[[expected]]
port = 5432
program = "postgres"
"""
NGINX = process(100, name="nginx")


def place(port: int, address: str, netns: int | None = NETNS) -> Endpoint:
    """An endpoint in the machine's own network namespace, unless another one is named."""
    return replace(endpoint(port, address=address), netns=netns)


class Judged:
    """A machine whose monitor and clocks the test moves, and what the engine makes of it."""

    def __init__(self, db: Path, writer: Writer, connection: Connection, rules: Rules) -> None:
        self.db, self.writer, self.connection = db, writer, connection
        self.rules = rules
        self.wall, self.elapsed, self.boot = NOON, HOUR, "boot"
        self.text = FILE
        self.is_watched = True
        self.listeners: dict[int, Listener] = {}
        self.engine = self.begin()

    @property
    def moment(self) -> Moment:
        return Moment(self.wall, self.elapsed, self.boot)

    def begin(self) -> Engine:
        """Begin as a process that was just started, whatever became of the one before."""
        engine = Engine(self.connection, Place(self.db, beside(self.db), "here"), self.moment)
        engine.set_rules(self.rules)
        self.engine = engine
        self.expect(self.text)
        engine.read_notes(self.moment)
        return engine

    def expect(self, text: str) -> None:
        """Put a file of expected ports in force."""
        self.text = text
        file = self.db.with_name("expected.toml")
        self.engine.set_expected(expected_file.parse(text, file), self.moment)

    def opens(
        self,
        port: int,
        program: str = "nc",
        address: str = "0.0.0.0",
        owner: Process | None = None,
        at: int | None = None,
    ) -> Listener:
        """Let a program listen."""
        by = owner or process(port, port, name=program)
        opening = Opening(
            owned(place(port, address), by),
            self.wall if at is None else at,
            Precision.KERNEL,
        )
        return self._opened(port, opening)

    def _opened(self, port: int, opening: Opening) -> Listener:
        (listener,) = self.writer.record_changes(self.wall, [opening])
        self.listeners[port] = listener
        return listener

    def takes_over(self, port: int, program: str) -> None:
        """Let a scan find another owner of the listener that opened last on a port."""
        listener = self.listeners[port]
        by = owned(listener.endpoint, process(port + 1, port, name=program))
        self.writer.record_changes(self.wall, reowned=[(listener, by)])

    def opens_somewhere(self, port: int, program: str = "nc") -> Listener:
        """Let a program listen in a network namespace that is not known yet."""
        by = owned(place(port, "0.0.0.0", None), process(port, port, name=program))
        return self._opened(port, Opening(by, self.wall, Precision.KERNEL))

    def is_placed(self, port: int) -> None:
        """Let a scan find that it is the machine's own."""
        self.writer.record_placed(self.wall, [(self.listeners[port].id, NETNS)])

    def hides(self, port: int, address: str = "0.0.0.0") -> Listener:
        """Let somebody listen who is not known."""
        opening = Opening(owned(place(port, address)), self.wall, Precision.KERNEL)
        return self._opened(port, opening)

    def closes(self, listener: Listener) -> None:
        closing = Closing(listener, self.wall, Precision.KERNEL)
        self.writer.record_changes(self.wall, closed=[closing])

    def lives(self, port: int, length: int, program: str = "nc") -> None:
        """Let a program listen for a time in which nobody looks."""
        listener = self.opens(port, program)
        self.tick_by(length)
        self.closes(listener)

    def flaps(self, ports: Iterable[int], length: int, pause: int, program: str = "nc") -> None:
        """Let a program listen on one port after another, and store all of it at the end."""
        openings = []
        for port in ports:
            self.tick_by(pause)
            by = owned(place(port, "0.0.0.0"), process(port, port, name=program))
            closed = self.wall + length, Precision.KERNEL
            openings.append(Opening(by, self.wall, Precision.KERNEL, closed))
            self.tick_by(length)
        self.writer.record_changes(self.wall, openings)

    def tick_by(self, length: int) -> None:
        """Let time pass without a look."""
        self.wall += length
        self.elapsed += length

    def later(self, length: int = 0, step: int = 10 * SECOND) -> "Judged":
        """Let time pass, and look at the times at which the process would."""
        left = length
        while left > 0:
            due = self.engine.next_due()
            pause = min(left, step if due is None else max(1, min(due, step)))
            self.tick_by(pause)
            left -= pause
            self.watch()
            self.engine.look(self.moment)
        if not length:
            self.watch()
            self.engine.look(self.moment)
        return self

    def watch(self) -> None:
        """Store a tick, if a monitor watches."""
        if self.is_watched:
            tick = Tick(self.wall, self.elapsed, 0, 0, 900, 0)
            self.writer.record_tick(tick, [])

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The bodies of the messages to the first receiver, the earliest first."""
        return [json.loads(body) for body in self._bodies("findings")]

    @property
    def digests(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self._bodies("digest")]

    def _bodies(self, kind: str) -> list[str]:
        rows = self.connection.execute(
            "SELECT body FROM message WHERE kind = ? AND receiver = ? ORDER BY rowid",
            (kind, self.rules.receivers[0].name),
        )
        return [body for (body,) in rows]

    @property
    def told(self) -> list[tuple[str, str, int | None]]:
        """Phase, verdict or kind, and port of all that was told, in its order."""
        return [
            (each["phase"], each["verdict"] or each["kind"], each["port"])
            for message in self.messages
            for each in message["data"]["findings"]
        ]

    @property
    def findings(self) -> list[Finding]:
        with open_to_read(beside(self.db)) as connection:
            return newest_findings(connection, 1000)[::-1]


@contextmanager
def judged(folder: Path, rules: Rules = Rules(receivers=(HOOK,))) -> Iterator[Judged]:  # noqa: B008
    """An engine that has begun, on a machine where sshd and postgres listen as expected."""
    db = folder / "porteye.db"
    with ExitStack() as stack:
        writer = stack.enter_context(open_writer(db, replace(HOST, netns=NETNS), NOON - DAY))
        writer.begin_watch(NOON - DAY, PLAN)
        connection = stack.enter_context(open_to_write(beside(db)))
        machine = Judged(db, writer, connection, rules)
        machine.opens(22, "sshd", at=NOON - HOUR)
        machine.opens(5432, "postgres", "127.0.0.1", at=NOON - HOUR)
        machine.later()
        yield machine
