"""A process that judges a fleet and is killed anywhere comes to the same rows as one that lives."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from porteye_core.alerts import keeper
from porteye_core.store.alerts import Connection, Cursor, Finding
from porteye_core.store.alerts import set_cursor as store_cursor
from tests.kit.fleet import Fleet, fleet
from tests.kit.judged_fleet import HOUR, MINUTE, SECOND, JudgedFleet, judged_fleet
from tests.kit.postgres import needs_postgres

pytestmark = needs_postgres

NAMES = ("web1", "web2", "db1")
PORTS = (4444, 5432, 8080)


class Killed(Exception):
    """The process ends here."""


class Deaths:
    """A process that is killed just before it stores a cursor, now and then."""

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.count = chance, 0

    def store(self, connection: Connection, value: Cursor) -> None:
        if self.chance.random() < 0.3:
            self.count += 1
            raise Killed
        store_cursor(connection, value)


class Mortal(JudgedFleet):
    """An engine that begins anew after each death."""

    def look(self) -> None:
        while True:
            try:
                self.engine.look(self.moment)
            except Killed:
                self.reborn()
            else:
                return

    def reborn(self) -> None:
        """Begin, however often that is interrupted."""
        while True:
            try:
                self.begin()
            except Killed:
                continue
            return


@pytest.fixture(scope="module")
def running() -> Iterator[Fleet]:
    with fleet() as made:
        made.ask("CREATE ROLE judge LOGIN IN ROLE porteye_reader")
        yield made


def live(judged: JudgedFleet, chance: random.Random) -> list[Finding]:
    """Let hosts open and close ports, be cut off and come back."""
    for _ in range(14):
        host = judged.hosts[chance.choice(NAMES)]
        port = chance.choice(PORTS)
        if port in host.listeners:
            host.closes(port)
        else:
            host.opens(port, "postgres" if port == 5432 else "nc")
        host.is_cut_off ^= chance.random() < 0.3
        length = chance.choice((20 * SECOND, 2 * MINUTE, 70 * MINUTE))
        judged.later(length, max(length // 4, 10 * SECOND))
    for host in judged.hosts.values():
        host.is_cut_off = False
    judged.later(3 * HOUR, 20 * MINUTE)
    judged.later(10 * MINUTE, MINUTE)
    return judged.findings


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_deaths_change_nothing_that_is_found_or_told(
    running: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    (tmp_path / "lives").mkdir()
    with judged_fleet(running, tmp_path / "lives", monkeypatch) as judged:
        found, told = live(judged, random.Random(seed)), judged.told
    (tmp_path / "dies").mkdir()
    with judged_fleet(running, tmp_path / "dies", monkeypatch, of=Mortal) as judged:
        deaths = Deaths(random.Random(seed))
        monkeypatch.setattr(keeper, "set_cursor", deaths.store)
        assert live(judged, random.Random(seed)) == found
        assert judged.told == told
    assert deaths.count > 20
    assert {each.kind for each in found} >= {"listener", "silent"}
