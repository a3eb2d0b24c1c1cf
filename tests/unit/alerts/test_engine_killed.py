"""A process that is killed anywhere comes to the same rows as one that lives."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from porteye_core.alerts import keeper
from porteye_core.store.alerts import Connection, Cursor, Finding
from porteye_core.store.alerts import set_cursor as store_cursor
from tests.kit.judging import HOUR, MINUTE, SECOND, Judged, judged

STEP = 10 * MINUTE
PORTS = (8080, 8081, 5432, 40_000)
STEPS = st.tuples(
    st.sampled_from(PORTS), st.sampled_from((SECOND, 20 * SECOND, 2 * MINUTE, 70 * MINUTE))
)


class Killed(Exception):
    """The process ends here."""


class Deaths:
    """A process that is killed just before it stores its cursor, whenever the next answer is."""

    def __init__(self, answers: list[bool]) -> None:
        self.answers = iter(answers)

    def store(self, connection: Connection, value: Cursor) -> None:
        if next(self.answers, False):
            raise Killed
        store_cursor(connection, value)


def live(machine: Judged, steps: list[tuple[int, int]]) -> list[Finding]:
    """Open and close ports in turn, and tell what was found."""
    for port, length in steps:
        if port in machine.listeners and port != 5432:
            machine.closes(machine.listeners.pop(port))
        else:
            machine.opens(port, "postgres" if port == 5432 else "nc")
        pass_time(machine, length)
    pass_time(machine, 2 * HOUR)
    return machine.findings


def pass_time(machine: Judged, length: int) -> None:
    """Let time pass as the rig does, and begin anew after each death."""
    end = machine.wall + length
    while machine.wall < end:
        due = machine.engine.next_due()
        pause = min(end - machine.wall, STEP if due is None else max(1, min(due, STEP)))
        machine.tick_by(pause)
        machine.watch()
        looked = False
        while not looked:
            try:
                machine.engine.look(machine.moment)
                looked = True
            except Killed:
                reborn(machine)


def reborn(machine: Judged) -> None:
    """Begin, however often that is interrupted."""
    while True:
        try:
            machine.begin()
        except Killed:
            continue
        return


@settings(max_examples=15, deadline=None)
@given(st.lists(STEPS, max_size=8), st.lists(st.booleans(), max_size=60))
def test_deaths_change_nothing_that_is_found_or_told(
    steps: list[tuple[int, int]], deaths: list[bool]
) -> None:
    with TemporaryDirectory() as folder, judged(Path(folder)) as machine:
        found = live(machine, steps)
        told = machine.told
    with (
        TemporaryDirectory() as folder,
        judged(Path(folder)) as machine,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(keeper, "set_cursor", Deaths(deaths).store)
        assert live(machine, steps) == found
        assert machine.told == told
