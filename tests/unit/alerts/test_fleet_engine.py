"""The engine of a fleet judges each host as the host would, and tells what is alike once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from porteye_core.store.alerts import (
    Matcher,
    Note,
    Silence,
    add_silence,
    followed_hosts,
    put_accept,
    put_words,
    transaction,
)
from tests.kit.fleet import Fleet, fleet
from tests.kit.judged_fleet import DAY, FILE, HOUR, MINUTE, SECOND, JudgedFleet, judged_fleet
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
    judged.engine.noted()
    judged.looks(20 * MINUTE)
    (said, found) = judged.engine.noted()
    assert said.startswith("The fleet's server cannot be asked: ")
    assert found.startswith("Nobody knows what listens on the hosts of the fleet: ")
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


def test_an_owner_that_a_host_learns_later_settles_what_was_unknown(judged: JudgedFleet) -> None:
    web1 = judged.hosts["web1"]
    web1.hides(80)
    text = f'{FILE}\n[[expected]]\nport = 80\nreach = "every interface"\nprogram = "nginx"\n'
    judged.expect(text)
    judged.later(2 * MINUTE)
    assert [each.verdict for each in judged.findings] == ["unknown"]
    web1.learns(80, "nc")
    judged.later(2 * MINUTE)
    assert judged.told == [("begin", "owner", 80, ("web1",))]


def test_what_is_accepted_on_one_host_is_told_of_another(judged: JudgedFleet) -> None:
    for name in ("web1", "web2"):
        judged.hosts[name].opens(4444)
    key = '["tcp", 4444, "every interface", "nc", "www"]'
    with transaction(judged.connection, judged.alerts_db):
        accept = Note(key, accepted_at=1, author="ada", at=1, host="web1")
        put_accept(judged.connection, accept)
        put_words(judged.connection, Note(key, "a trap", author="ada", at=1, host="web2"))
    judged.engine.read_notes(judged.moment)
    judged.later(2 * MINUTE)
    assert judged.told == [("begin", "new", 4444, ("web2",))]
    (found,) = judged.findings
    assert (found.key, found.label) == (key, "a trap")


def test_an_accept_ends_what_was_found_on_its_host(judged: JudgedFleet) -> None:
    for name in ("web1", "web2"):
        judged.hosts[name].opens(4444)
    judged.later(2 * MINUTE)
    with transaction(judged.connection, judged.alerts_db):
        accept = Note(judged.findings[0].key, accepted_at=1, author="ada", at=1, host="web1")
        put_accept(judged.connection, accept)
    judged.engine.read_notes(judged.moment)
    judged.later(10 * MINUTE, MINUTE)
    assert judged.told[1:] == [("end", "new", 4444, ("web1",))]
    assert {each.host: each.ended_why for each in judged.findings} == {
        "web1": "accepted",
        "web2": "",
    }


def test_a_silence_of_some_hosts_holds_back_theirs_alone(judged: JudgedFleet) -> None:
    silence = Silence(0, Matcher(host="WEB*"), judged.wall, judged.wall + HOUR, at=judged.wall)
    with transaction(judged.connection, judged.alerts_db):
        add_silence(judged.connection, silence)
    judged.engine.read_notes(judged.moment)
    for host in judged.hosts.values():
        host.opens(4444)
    judged.later(10 * MINUTE, MINUTE)
    assert judged.told == [("begin", "new", 4444, ("db1",))]
    judged.later(HOUR, 10 * MINUTE)
    assert judged.told[1:] == [("begin", "new", 4444, ("web1", "web2"))]


def test_what_a_silent_host_did_in_a_silence_is_not_told_after_it(judged: JudgedFleet) -> None:
    web1 = judged.hosts["web1"]
    web1.opens(4444)
    web1.is_cut_off = True
    judged.later(MINUTE)
    web1.closes(4444)
    judged.later(3 * HOUR, 10 * MINUTE)
    silence = Silence(0, Matcher(port="4444"), judged.wall, judged.wall + HOUR, at=judged.wall)
    with transaction(judged.connection, judged.alerts_db):
        add_silence(judged.connection, silence)
    judged.engine.read_notes(judged.moment)
    web1.is_cut_off = False
    judged.later(2 * HOUR, 10 * MINUTE)
    judged.begin()
    judged.later(HOUR, 10 * MINUTE)
    assert [each for each in judged.told if each[2] == 4444] == []
    assert [each.kind for each in judged.findings if each.ended_at] == ["silent", "listener"]


def test_a_new_database_of_a_host_is_told_and_hides_nothing(judged: JudgedFleet) -> None:
    """Not even what opened and closed before the new database was first shipped."""
    judged.hosts["web1"].opens(8080)
    judged.later(2 * MINUTE)
    judged.hosts["web1"].is_cut_off = True
    judged.later(MINUTE)
    web1 = judged.sets_aside("web1")
    web1.is_cut_off = True
    web1.opens(4444)
    web1.opens(8080)
    judged.later(2 * HOUR, 10 * MINUTE)
    web1.closes(4444)
    judged.later(HOUR, 10 * MINUTE)
    web1.is_cut_off = False
    told = judged.later(2 * HOUR, 10 * MINUTE).told
    assert ("begin", "database", None, ("web1",)) in told
    assert [each for each in told if each[2] == 4444] == [
        ("begin", "new", 4444, ("web1",)),
        ("end", "new", 4444, ("web1",)),
    ]
    assert [each for each in told if each[2] == 8080] == [("begin", "new", 8080, ("web1",))]


def test_the_past_of_a_host_that_is_enrolled_is_not_told(judged: JudgedFleet) -> None:
    host = judged.enrols("old")
    for port in range(5000, 5020):
        host.opens(port)
        judged.tick_by(MINUTE)
        host.closes(port)
    host.opens(6000)
    host.behind = 7  # as it goes on to ship its past
    judged.later(MINUTE)
    assert "old" not in {each.host for each in judged.findings}
    host.behind = 0
    judged.later(10 * MINUTE, MINUTE)
    assert [each for each in judged.told if "old" in each[3]] == [("begin", "new", 6000, ("old",))]


def test_what_was_found_on_a_host_that_is_retired_is_over(judged: JudgedFleet) -> None:
    judged.hosts["web1"].opens(4444)
    judged.hosts["web2"].opens(4444)
    judged.hosts["web2"].is_cut_off = True
    judged.later(6 * MINUTE)
    judged.retires("web1")
    judged.retires("web2")
    judged.later(6 * MINUTE)
    ends = {(each.host, each.kind): each.ended_why for each in judged.findings}
    assert ends == {
        ("web1", "listener"): "the host was retired",
        ("web2", "silent"): "the host was retired",
    }
    assert sorted(judged.told[-2:]) == [
        ("end", "new", 4444, ("web1",)),
        ("end", "silent", None, ("web2",)),
    ]
    assert followed_hosts(judged.connection) == ["", "db1"]


def test_a_host_that_was_retired_while_nobody_judged_is_over_too(judged: JudgedFleet) -> None:
    judged.hosts["web1"].opens(4444)
    judged.later(2 * MINUTE)
    judged.retires("web1")
    judged.begin()
    judged.later(6 * MINUTE)
    assert judged.told[1:] == [("end", "new", 4444, ("web1",))]


def test_a_host_that_is_enrolled_anew_begins_without_its_past(judged: JudgedFleet) -> None:
    judged.hosts["web1"].opens(4444)
    judged.later(2 * MINUTE)
    judged.retires("web1")
    judged.enrols("web1").is_cut_off = False
    judged.later(10 * MINUTE, MINUTE)
    assert {each[1] for each in judged.told} == {"new"}
    assert [each.ended_at for each in judged.findings] == [None], "it is the same identity"


def test_a_clock_that_is_off_is_told_and_changes_no_verdict(judged: JudgedFleet) -> None:
    web1 = judged.hosts["web1"]
    web1.skew = HOUR
    judged.later(5 * MINUTE)
    assert judged.told == [("begin", "clock", None, ("web1",))]
    text = judged.messages[0]["data"]["findings"][0]["text"]
    assert "1 h ahead of the clock of the fleet's server" in text
    web1.opens(4444)
    judged.later(6 * MINUTE)
    assert judged.told[1:] == [("begin", "new", 4444, ("web1",))]
    web1.skew = 0
    judged.later(MINUTE)
    web1.closes(4444)
    web1.opens(5555)
    judged.later(6 * MINUTE)
    assert judged.told[2:] == [("begin", "new", 5555, ("web1",))]


def test_a_host_that_stays_behind_is_told(judged: JudgedFleet) -> None:
    judged.hosts["web1"].behind = 7
    judged.later(9 * MINUTE, MINUTE)
    assert judged.told == []
    judged.later(3 * MINUTE, MINUTE)
    assert judged.told == [("begin", "behind", None, ("web1",))]
    judged.hosts["web1"].behind = 0
    judged.later(9 * MINUTE, MINUTE)
    assert judged.told[1:] == [("end", "behind", None, ("web1",))]


def test_a_monitor_that_does_not_watch_is_told_of_its_host(judged: JudgedFleet) -> None:
    judged.hosts["db1"].is_watched = False
    judged.later(4 * MINUTE)
    assert judged.told == [("begin", "unwatched", None, ("db1",))]
    judged.hosts["db1"].is_watched = True
    judged.later(6 * MINUTE)
    assert judged.told[1:] == [("end", "unwatched", None, ("db1",))]
    assert "watched again" in judged.messages[1]["data"]["title"]


def test_another_file_judges_every_host_again(judged: JudgedFleet) -> None:
    for host in judged.hosts.values():
        host.opens(4444)
    judged.later(2 * MINUTE)
    allowed = '[[expected]]\nport = 4444\nreach = "every interface"\nhosts = ["web*"]\n'
    judged.expect(FILE + allowed)
    judged.later(6 * MINUTE)
    assert judged.told[1:] == [("end", "new", 4444, ("web1", "web2"))]


def test_the_digest_lists_what_is_alike_once(judged: JudgedFleet) -> None:
    for host in judged.hosts.values():
        host.opens(4444)
        host.opens(9999)
        judged.tick_by(SECOND)
        host.closes(9999)
    judged.later(2 * MINUTE)
    judged.later(DAY, HOUR)
    (digest,) = judged.digests
    assert digest["data"]["title"] == "fleet: 2 findings in the daily digest"
    found = {each["port"]: (each["kind"], each["hosts"]) for each in digest["data"]["findings"]}
    everywhere = ["db1", "web1", "web2"]
    assert found == {4444: ("listener", everywhere), 9999: ("brief", everywhere)}
    assert {each.ended_at is None for each in judged.findings if each.kind == "brief"} == {False}
