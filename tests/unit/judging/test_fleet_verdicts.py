"""Verdicts over the fleet are those that each host would give, and of a service the gravest."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from porteye_core.config import Config
from porteye_core.judging import expected_file
from porteye_core.judging.acceptance import Accepted
from porteye_core.judging.expected_file import parse
from porteye_core.judging.fleet_verdicts import (
    Court,
    court,
    listener_verdicts,
    service_verdicts,
)
from porteye_core.judging.judge import Judge, Judged, Judges
from porteye_core.judging.verdicts import Verdict
from porteye_core.store.alerts import Note, put_accept, writing
from porteye_core.store.fleet.host_connection import open_host
from porteye_core.store.fleet.many_hosts.listeners import (
    FleetListener,
    open_at,
    open_now,
    services,
)
from porteye_core.store.fleet.many_hosts.reader import FleetReader, open_fleet
from porteye_core.store.fleet.many_hosts.selection import Selection
from porteye_core.store.reading.past_uses import open_by_id
from tests.kit.fleet import Fleet
from tests.kit.many_hosts import DAY, NAMES, many_hosts
from tests.kit.postgres import needs_postgres

pytestmark = needs_postgres

FILE = Path("expected.toml")
TEXT = """
[groups]
greek = ["alpha", "beta"]

[[expected]]
port = [22, 80, 443]
reach = "every interface"
program = "[ns]*"

[[expected]]
port = "8000-8001"
reach = "every interface"
hosts = ["@greek"]

[[expected]]
port = 3306
hosts = ["gamma"]
reach = "one network"
"""
ALL = Selection()


class Asked(NamedTuple):
    """A reader of the fleet, the fleet, and the time at which its histories end."""

    reader: FleetReader
    fleet: Fleet
    now: int


@pytest.fixture(scope="module")
def asked() -> Iterator[Asked]:
    with many_hosts(lives=120) as (running, now), open_fleet(running.address) as reader:
        yield Asked(reader, running, now)


def judges(text: str = TEXT) -> Court:
    return Court(Judges(parse(text, FILE)))


def at_home(of: Fleet, host_id: int, judge: Judge) -> dict[int, Judged]:
    """The verdicts that one host gives, by its listeners."""
    with open_host(of.address, host_id) as connection:
        uses = open_by_id(connection)
    return {number: judge.judged(use) for number, use in uses.items()}


def by_service(rows: list[FleetListener], found: list[Judged | None]) -> dict[object, set[Verdict]]:
    """The verdicts on the listeners of each service."""
    verdicts: dict[object, set[Verdict]] = {}
    for row, each in zip(rows, found, strict=True):
        assert each is not None
        key = (row.port, row.protocol, row.program or "", row.exposure)
        verdicts.setdefault(key, set()).add(each.judgement.verdict)
    return verdicts


def test_each_listener_has_the_verdict_of_its_own_host(asked: Asked) -> None:
    rows = open_now(asked.reader, ALL)
    of = judges()
    found = listener_verdicts(asked.reader, of, rows)
    own = {
        number: at_home(asked.fleet, number, of.judges.on(name))
        for number, name in enumerate(NAMES, start=1)
    }
    assert found == [own[row.host_id][row.id] for row in rows]
    verdicts = {each.judgement.verdict for each in found if each is not None}
    assert {Verdict.EXPECTED, Verdict.NEW} < verdicts, "else the test compares nothing"


def test_a_block_of_some_hosts_counts_on_these_alone(asked: Asked) -> None:
    rows = open_now(asked.reader, Selection(ports=((8000, 8001),)))
    found = listener_verdicts(asked.reader, judges(), rows)
    assert {row.host in ("alpha", "beta") for row in rows} == {True, False}
    for row, each in zip(rows, found, strict=True):
        assert each is not None
        is_expected = each.judgement.verdict is Verdict.EXPECTED
        assert is_expected == (row.host in ("alpha", "beta") and row.protocol == "tcp")


def test_what_was_open_at_a_moment_and_has_closed_is_judged_too(asked: Asked) -> None:
    rows = open_at(asked.reader, ALL, asked.now - 10 * DAY)
    assert any(row.closed_at is not None for row in rows)
    assert None not in listener_verdicts(asked.reader, judges(), rows)


def test_what_retention_has_dropped_meanwhile_has_no_verdict(asked: Asked) -> None:
    (row, *_) = open_now(asked.reader, ALL)
    gone = replace(row, id=999_999, closed_at=1)
    found = listener_verdicts(asked.reader, judges(), [gone, row])
    assert found[0] is None
    assert found[1] is not None
    assert listener_verdicts(asked.reader, judges(), []) == []


@pytest.mark.parametrize("wanted", [ALL, Selection(hosts=(1, 3)), Selection(program="nginx")])
def test_a_service_has_the_gravest_verdict_of_its_listeners(
    asked: Asked, wanted: Selection
) -> None:
    of = judges()
    rows = open_now(asked.reader, wanted)
    single = by_service(rows, listener_verdicts(asked.reader, of, rows))
    found = services(asked.reader, wanted)
    assert found
    order = list(Verdict)
    for service, each in zip(found, service_verdicts(asked.reader, of, wanted, found), strict=True):
        assert each is not None
        key = (service.port, service.protocol, service.program, service.exposure)
        assert each.judgement.verdict is min(single[key], key=order.index)


def test_what_is_accepted_on_one_host_is_judged_on_another(asked: Asked) -> None:
    of = judges("")
    rows = open_now(asked.reader, ALL)
    before = listener_verdicts(asked.reader, of, rows)
    keys = [each.identity.key for each in before if each is not None]
    accepting = Court(of.judges, {"alpha": Accepted(keys)})
    for row, each in zip(rows, listener_verdicts(asked.reader, accepting, rows), strict=True):
        assert each is not None
        is_ephemeral = each.judgement.why == "an ephemeral port"
        assert is_ephemeral or each.is_accepted == (row.host == "alpha")


def test_a_thousand_rows_are_judged_by_few_verdicts(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = open_now(asked.reader, ALL)
    of = judges()
    first = listener_verdicts(asked.reader, of, rows)
    monkeypatch.setattr(Judge, "of", lambda self, seen: pytest.fail("judged again"))
    assert listener_verdicts(asked.reader, of, rows * 20) == first * 20


def test_a_court_knows_the_file_and_what_people_accept_on_each_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expected_file, "OF_SYSTEM", tmp_path / "absent.toml")
    config = Config(db=tmp_path / "porteye.db", fleet="host=nowhere")
    assert court(config, 5) is None
    (tmp_path / "expected.toml").write_text(TEXT)
    key = '["tcp", 22, "every interface", "sshd", "root"]'
    with writing(config.alerts_file) as connection:
        put_accept(connection, Note(key, accepted_at=1, host="alpha"))
        put_accept(connection, Note(key, accepted_at=1, accepted_until=4, host="beta"))
    found = court(config, 5)
    assert found is not None
    assert len(found.judges.on("gamma").expected.blocks) == 2
    assert {host: len(each.keys) for host, each in found.accepted.items()} == {
        "alpha": 1,
        "beta": 0,
    }
