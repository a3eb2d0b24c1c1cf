"""The engine of a fleet judges each host as the host would, and tells what is alike once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.fleet import Fleet, fleet
from tests.kit.judged_fleet import HOUR, MINUTE, SECOND, JudgedFleet, judged_fleet
from tests.kit.postgres import needs_postgres

pytestmark = needs_postgres

HOLD = GROUP = 30 * SECOND


@pytest.fixture(scope="module")
def running() -> Iterator[Fleet]:
    with fleet() as made:
        made.ask("CREATE ROLE judge LOGIN IN ROLE porteye_reader")
        yield made


@pytest.fixture
def judged(
    running: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[JudgedFleet]:
    with judged_fleet(running, tmp_path, monkeypatch) as made:
        yield made


def test_what_is_expected_is_never_told(judged: JudgedFleet) -> None:
    assert judged.later(10 * MINUTE, MINUTE).told == []
    assert judged.findings == []


def test_what_is_new_on_one_host_is_told_once_with_its_host(judged: JudgedFleet) -> None:
    judged.hosts["web1"].opens(4444)
    judged.later(2 * MINUTE)
    assert judged.told == [("begin", "new", 4444, ("web1",))]
    (message,) = judged.messages
    assert message["data"]["host"] == "web1"
    assert message["data"]["title"].startswith("web1: new: tcp 4444 by nc")
    assert judged.later(10 * MINUTE, MINUTE).told == [("begin", "new", 4444, ("web1",))]


def test_the_same_on_many_hosts_is_one_message_that_names_them(judged: JudgedFleet) -> None:
    for host in judged.hosts.values():
        host.opens(4444)
    judged.later(2 * MINUTE)
    assert judged.told == [("begin", "new", 4444, ("db1", "web1", "web2"))]
    (message,) = judged.messages
    (found,) = message["data"]["findings"]
    assert found["text"].endswith(", on db1, web1 and web2")
    assert message["data"]["host"] == "fleet"
    assert [each.host for each in judged.findings] == ["db1", "web1", "web2"]


def test_a_block_counts_on_its_hosts_alone(judged: JudgedFleet) -> None:
    for name in ("db1", "web1"):
        judged.hosts[name].opens(5432, "postgres", "127.0.0.1")
    judged.later(2 * MINUTE)
    assert judged.told == [("begin", "new", 5432, ("web1",))]


def test_the_end_is_told_once_it_has_lasted(judged: JudgedFleet) -> None:
    judged.hosts["web1"].opens(4444)
    judged.later(2 * MINUTE)
    judged.hosts["web1"].closes(4444)
    judged.later(HOUR + 2 * MINUTE, MINUTE)
    assert judged.told == [
        ("begin", "new", 4444, ("web1",)),
        ("end", "new", 4444, ("web1",)),
    ]


def test_what_is_missing_is_so_on_each_host_by_itself(judged: JudgedFleet) -> None:
    judged.later(10 * MINUTE, MINUTE)
    judged.hosts["web2"].closes(22)
    judged.later(4 * MINUTE)
    assert judged.told == [("begin", "missing", 22, ("web2",))]


def test_a_host_that_ships_nothing_is_silent_and_heard_again(judged: JudgedFleet) -> None:
    judged.hosts["web2"].is_cut_off = True
    judged.later(5 * MINUTE)
    assert judged.told == [("begin", "silent", None, ("web2",))]
    text = judged.messages[0]["data"]["findings"][0]["text"]
    assert text.startswith("silent: it has shipped nothing since ")
    judged.hosts["web2"].is_cut_off = False
    judged.later(8 * MINUTE)
    assert judged.told[1:] == [("end", "silent", None, ("web2",))]


def test_what_a_host_did_while_it_was_cut_off_is_told_when_it_ships(judged: JudgedFleet) -> None:
    """Also what has ended long before: a connection that is cut hides nothing."""
    web2 = judged.hosts["web2"]
    web2.is_cut_off = True
    judged.later(MINUTE)
    web2.opens(4444)
    judged.later(10 * MINUTE, MINUTE)
    web2.closes(4444)
    judged.later(3 * HOUR, 10 * MINUTE)
    assert ("begin", "new", 4444, ("web2",)) not in judged.told
    web2.is_cut_off = False
    judged.later(10 * MINUTE)
    assert [each for each in judged.told if each[2] == 4444] == [
        ("begin", "new", 4444, ("web2",)),
        ("end", "new", 4444, ("web2",)),
    ]
    (found,) = [each for each in judged.findings if each.port == 4444]
    assert found.ended_at is not None
    assert 10 * MINUTE <= found.ended_at - found.at <= 11 * MINUTE


def test_nothing_of_a_silent_host_is_missing_or_over(judged: JudgedFleet) -> None:
    web2 = judged.hosts["web2"]
    web2.opens(4444)
    judged.later(2 * MINUTE)
    web2.closes(22)
    judged.later(10 * SECOND)
    web2.is_cut_off = True
    judged.later(3 * HOUR, 10 * MINUTE)
    assert {each[1] for each in judged.told} == {"new", "silent"}
    assert [each.ended_at for each in judged.findings] == [None, None]


def test_a_server_that_is_away_ends_nothing_and_is_told(judged: JudgedFleet) -> None:
    judged.hosts["web1"].opens(4444)
    judged.later(2 * MINUTE)
    judged.is_reachable = False
    judged.looks(20 * MINUTE)
    assert judged.told[1:] == [("begin", "unwatched", None, ())]
    (message,) = judged.messages[1:]
    assert message["data"]["host"] == "fleet"
    assert message["data"]["title"].startswith("fleet: Nobody knows what listens on the hosts")
    judged.is_reachable = True
    judged.looks(2 * MINUTE)
    assert {each[1] for each in judged.told} == {"new", "unwatched"}, "no host is silent by that"
    judged.later(5 * MINUTE)
    assert judged.told[2:] == [("end", "unwatched", None, ())]


def test_an_outage_of_the_server_makes_no_host_silent(judged: JudgedFleet) -> None:
    for host in judged.hosts.values():
        host.is_cut_off = True
    judged.tick_by(HOUR)
    judged.started_at = judged.wall
    judged.looks(2 * MINUTE)
    assert judged.told == []
    judged.looks(4 * MINUTE)
    assert judged.told == [("begin", "silent", None, ("db1", "web1", "web2"))]
