"""`porteye fleet`: answers over several hosts, in each form."""

import csv
import json
import os
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest

from porteye_core.command import fleet as command
from porteye_core.command.arguments import parser
from porteye_core.command.program import main
from porteye_core.command.screen import Screen
from porteye_core.reach import REACHABLE
from porteye_core.spoken_times import utc
from porteye_core.store.fleet.many_hosts.fleet_records import FLEET_EVENT, FLEET_PORT
from tests.kit.fleet import Fleet
from tests.kit.many_hosts import DAY, many_hosts
from tests.kit.postgres import needs_postgres

pytestmark = needs_postgres


@pytest.fixture(scope="module")
def several() -> Iterator[tuple[Fleet, int]]:
    with many_hosts() as made:
        yield made


@pytest.fixture
def asked(several: tuple[Fleet, int], monkeypatch: pytest.MonkeyPatch) -> Fleet:
    monkeypatch.setenv("PORTEYE_FLEET", several[0].address)
    return several[0]


def records(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert main(["porteye", "fleet", *words, "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def on_a_terminal(*words: str) -> str:
    out = StringIO()
    command.fleet(parser().parse_args(["fleet", *words]), os.environ, Screen(out, is_terminal=True))
    return out.getvalue()


def test_hosts_as_records(asked: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    found = records(capsys, "hosts")
    assert [each["host"] for each in found] == ["alpha", "beta", "delta", "gamma"]
    counts = dict(
        asked.ask("""SELECT h.name, count(*) FROM host h
        JOIN open_listener l ON l.host_id = h.host_id GROUP BY 1""")
    )
    assert {each["host"]: each["listener_count"] for each in found} == counts


def test_hosts_with_tabs(asked: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    del asked
    assert main(["porteye", "fleet", "hosts"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split("\t")[:2] == ["host", "state"]
    assert [line.split("\t")[0] for line in lines] == ["alpha", "beta", "delta", "gamma"]


def test_a_silent_host_is_said_to_be_silent_and_its_ports_not_certain(asked: Fleet) -> None:
    asked.ask("UPDATE host SET received_at = received_at - 90 * beat WHERE name = 'beta'")
    try:
        (line,) = [each for each in on_a_terminal("hosts").splitlines() if "beta" in each]
        assert "silent" in line
        assert "silent: beta" in on_a_terminal("who", "22")
        assert "silent: beta" in on_a_terminal("new", "--since", "2 days ago")
        before = on_a_terminal("who", "22", "--at", "2 days ago")
        assert "silent" not in before  # what it had then it has shipped
    finally:
        asked.ask("UPDATE host SET received_at = now_us() WHERE name = 'beta'")


def test_who_now_and_at_a_moment(
    asked: Fleet, several: tuple[Fleet, int], capsys: pytest.CaptureFixture[str]
) -> None:
    open_now = asked.ask("""SELECT h.name, l.port FROM open_listener l
        JOIN host h ON h.host_id = l.host_id WHERE l.port IN (22, 80) ORDER BY 2, 1""")
    found = records(capsys, "who", "22,80")
    assert sorted((each["host"], each["port"]) for each in found) == sorted(open_now)
    at = several[1] - 10 * DAY
    then = asked.ask(
        """SELECT h.name, l.port FROM host h JOIN (
            SELECT host_id, port, opened_at, NULL AS closed_at FROM open_listener
            UNION ALL SELECT host_id, port, opened_at, closed_at FROM life) l
            ON l.host_id = h.host_id
        WHERE l.opened_at <= %s AND coalesce(l.closed_at, 1 + %s) > %s
            AND l.port BETWEEN 1 AND 9000""",
        *(at, at, at),
    )
    found = records(capsys, "who", "1-9000", "--at", utc(at).removesuffix(" UTC") + "Z")
    assert sorted((each["host"], each["port"]) for each in found) == sorted(then)
    assert then


def test_a_port_that_nobody_has(asked: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    del asked
    assert main(["porteye", "fleet", "who", "7"]) == 1
    assert capsys.readouterr().out == ""
    assert "No host listens there." in on_a_terminal("who", "7")


def test_a_moment_that_the_fleet_does_not_keep_is_not_said_to_be_calm(
    asked: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    asked.ask("UPDATE setting SET kept_from = now_us() - %s", DAY)
    try:
        assert main(["porteye", "fleet", "who", "22", "--at", "2 days ago"]) == 3
        assert "The fleet keeps what was since" in capsys.readouterr().err
        assert main(["porteye", "fleet", "who", "22", "--at", "2 hours ago"]) == 0
    finally:
        asked.ask("UPDATE setting SET kept_from = 0")


def test_ports_that_are_new(asked: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    found = records(capsys, "new", "--since", "60 days ago")
    ports = asked.ask("SELECT port, protocol FROM fleet_first WHERE port < 32768")
    assert sorted((each["port"], each["protocol"]) for each in found) == sorted(ports)
    assert records(capsys, "new", "--since", "1 second ago") == []
    told = on_a_terminal("new", "--since", "60 days ago")
    assert "ephemeral ports, from 32768 on, were new, too" in told
    assert "No port was new in the fleet." in on_a_terminal("new", "--since", "1 second ago")


def test_what_listens_on_some_hosts(asked: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    open_now = asked.ask("""SELECT h.name, l.id FROM open_listener l
        JOIN host h ON h.host_id = l.host_id WHERE h.name LIKE '%%a' AND l.protocol = 'udp'""")
    found = records(capsys, "now", "--host", "*A", "--protocol", "udp")
    assert sorted((each["host"], each["id"]) for each in found) == sorted(open_now)
    assert tuple(found[0]) == tuple(FLEET_PORT)
    told = on_a_terminal("now", "--host", "alpha")
    assert "HOST" in told
    assert "alpha" in told
    assert "beta" not in told
    assert "Nothing listens" in on_a_terminal("now", "--process", "nothing at all")


def test_what_others_reach(asked: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    reached = asked.ask(
        "SELECT count(*) FROM open_listener WHERE exposure = ANY (%s::exposure[])",
        [each.value for each in REACHABLE],
    )
    found = records(capsys, "exposed")
    assert sum(each["listener_count"] for each in found) == reached[0][0]
    assert "HOSTS" in on_a_terminal("exposed")
    assert main(["porteye", "fleet", "exposed", "--exposure", "machine"]) == 2
    assert "No other machine" in capsys.readouterr().err


def test_the_newest_events_and_those_before_them(
    asked: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["porteye", "fleet", "history", "--limit", "7", "--json"]) == 0
    output = capsys.readouterr()
    newest = json.loads(output.out)
    place = output.err.partition("--before ")[2].split(",")[0]
    older = records(capsys, "history", "--limit", "7", "--before", place)
    both = records(capsys, "history", "--limit", "14")
    assert newest + older == both
    assert len(both) == 14
    assert place in on_a_terminal("history", "--limit", "7")
    assert "Nothing opened or closed" in on_a_terminal("history", "--process", "nothing at all")


def test_the_whole_history_as_a_file(asked: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    ((count,),) = asked.ask("SELECT count(*) FROM event JOIN host USING (host_id)")
    assert main(["porteye", "fleet", "history", "--all", "--csv"]) == 0
    rows = list(csv.DictReader(StringIO(capsys.readouterr().out)))
    found = records(capsys, "history", "--all")
    assert len(rows) == len(found) == count
    assert tuple(rows[0]) == tuple(found[0]) == tuple(FLEET_EVENT)
    assert main(["porteye", "fleet", "history", "--all", "--since", "10 days ago"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split("\t") == list(FLEET_EVENT)
    since = min(line.split("\t")[2] for line in lines)
    assert len(lines) == sum(each["timestamp"] >= since for each in found) < count


def test_filters_count_in_every_question(asked: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    del asked
    assert {each["host"] for each in records(capsys, "hosts", "--host", "[ab]*")} == {
        *("alpha", "beta")
    }
    assert {each["host"] for each in records(capsys, "who", "1-9000", "--host", "beta")} == {"beta"}
    new = records(capsys, "new", "--since", "60 days ago", "--protocol", "udp")
    assert {each["protocol"] for each in new} == {"udp"}


def test_a_silent_host_is_named_beside_every_answer(asked: Fleet) -> None:
    asked.ask("UPDATE host SET received_at = received_at - 90 * beat WHERE name = 'beta'")
    try:
        for words in (("now",), ("exposed",), ("history",)):
            assert "silent: beta" in on_a_terminal(*words)
            assert "silent: beta" not in on_a_terminal(*words, "--host", "alpha")
        assert "silent: beta" not in on_a_terminal("history", "--until", "2 days ago")
    finally:
        asked.ask("UPDATE host SET received_at = now_us() WHERE name = 'beta'")


def test_a_name_moves_no_cursor_of_a_terminal(asked: Fleet) -> None:
    asked.ask("UPDATE host SET name = E'be\x1b[2Jta' WHERE name = 'beta'")
    try:
        for form in ((), ("--csv",), ("--json",)):
            assert "\x1b" not in on_a_terminal("now", *form)
    finally:
        asked.ask("UPDATE host SET name = 'beta' WHERE name LIKE 'be%%'")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("history", "--before", "x"), "not the place of an event"),
        (("history", "--host", "nosuch"), "No host of the fleet is called"),
        (("hosts", "--csv"), "no form of CSV"),
        (("who",), "No port is named"),
        (("who", "70000"), "70000 is not a port"),
        (("who", "22", "--at", "2099-01-01 00:00"), "has not come yet"),
        (("new",), "No time is given"),
        (("new", "--since", "sometime"), "sometime"),
    ],
)
def test_a_question_that_cannot_be_asked_is_told(
    asked: Fleet, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    del asked
    assert main(["porteye", "fleet", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_reader_may_ask(asked: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    asked.ask("CREATE ROLE someone LOGIN IN ROLE porteye_reader")
    address = asked.address.replace("user=porteye", "user=someone")
    for words in (("hosts",), ("who", "22"), ("new", "--since", "yesterday")):
        assert main(["porteye", "fleet", *words, "--server", address]) == 0
    capsys.readouterr()
