"""`porteye check`: verdicts and exit statuses over a known history."""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from porteye_core.judging import expected_file
from porteye_core.model import Precision
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.command import Answered, Command
from tests.kit.seeding import PYTHON, Instant
from tests.kit.values import SECOND, endpoint, owned, process

NGINX = '[[expected]]\nport = 80\nreach = "every interface"\nprogram = "nginx"\nalways = true\n'
POSTGRES = '[[expected]]\nport = 5432\nprogram = "postgres"\nlabel = "shop"\n'
DNS = '[[expected]]\nport = 53\nprotocol = "udp"\n'
PYTHONS = '[[expected]]\nport = "8000-8999"\nprogram = "http.server*"\nuser = "www"\n'
EVERYTHING = NGINX + POSTGRES + DNS + PYTHONS


@pytest.fixture(autouse=True)
def _no_file_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected_file, "OF_SYSTEM", tmp_path / "absent.toml")
    monkeypatch.delenv("PORTEYE_EXPECTED", raising=False)


def expect(db: Path, text: str) -> None:
    db.with_name("expected.toml").write_text(text)


def verdicts(answered: Answered) -> dict[int, str]:
    """The verdict on each port that is not expected."""
    records = json.loads(answered.out)
    return {each["port"]: each["verdict"] for each in records if each["verdict"] != "expected"}


def test_everything_is_expected(seeded: Instant, porteye: Command) -> None:
    expect(seeded.db, EVERYTHING)
    answered = porteye("check", "--json")
    assert (answered.status, verdicts(answered), answered.err) == (0, {}, "")
    (postgres,) = [each for each in json.loads(answered.out) if each["port"] == 5432]
    assert (postgres["label"], postgres["line"], postgres["pid"]) == ("shop", 6, 200)


@pytest.mark.parametrize(
    ("text", "found", "status"),
    [
        (EVERYTHING.replace('reach = "every interface"\n', ""), {80: "wider"}, 2),
        (EVERYTHING.replace('"postgres"', '"mysqld"'), {5432: "owner"}, 2),
        (NGINX + POSTGRES + DNS, {8765: "new"}, 2),
        (EVERYTHING + 'program = "x"\n[[expected]]\nport = 22\nalways = true', None, 3),
        (EVERYTHING + "[[expected]]\nport = 22\nalways = true", {"22": "missing"}, 1),
        (EVERYTHING.replace('"udp"', '"udp"\nunit = "dns.service"'), {53: "unknown"}, 1),
        (EVERYTHING.replace("port = 80\n", "prot = 80\n"), None, 3),
    ],
)
def test_the_exit_status_is_that_of_the_gravest_verdict(
    seeded: Instant, porteye: Command, text: str, found: dict[int, str] | None, status: int
) -> None:
    expect(seeded.db, text)
    answered = porteye("check", "--json")
    assert answered.status == status
    if found is None:
        assert answered.err.startswith(f"porteye: {seeded.db.with_name('expected.toml')}")
    else:
        assert verdicts(answered) == found


def test_a_file_of_many_hosts_is_judged_as_this_machine(
    seeded: Instant, porteye: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "web1.example")
    others = '[groups]\nothers = ["db*"]\n'
    others += '[[expected]]\nport = 22\nalways = true\nhosts = ["@others"]\n'
    here = EVERYTHING.replace("port = 53\n", 'port = 53\nhosts = ["web1.*"]\n')
    expect(seeded.db, others + here)
    answered = porteye("check", "--json")
    assert (answered.status, verdicts(answered)) == (0, {})
    expect(seeded.db, others + here.replace("web1.*", "db1"))
    answered = porteye("check", "--json")
    assert (answered.status, verdicts(answered)) == (2, {53: "new"})


def test_without_a_file_it_cannot_be_said(seeded: Instant, porteye: Command) -> None:
    answered = porteye("check")
    assert answered.status == 3
    assert answered.err.startswith("porteye: There is no file of expected ports: ")


def test_the_variable_names_the_file_and_the_flag_comes_first(
    seeded: Instant, porteye: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "named.toml").write_text(EVERYTHING)
    monkeypatch.setenv("PORTEYE_EXPECTED", str(tmp_path / "named.toml"))
    assert porteye("check").status == 0
    assert porteye("check", "--expected", str(tmp_path / "other.toml")).status == 3


def test_two_wildcards_of_a_program_are_one_finding(
    seeded: Instant, writer_of_now: Writer, porteye: Command
) -> None:
    owner = process(100, name="nginx")
    at = seeded.now - SECOND
    opening = Opening(owned(endpoint(80, address="::"), owner), at, Precision.KERNEL)
    writer_of_now.record_changes(at, [opening])
    expect(seeded.db, POSTGRES + DNS + PYTHONS)
    (found,) = [each for each in json.loads(porteye("check", "--json").out) if each["port"] == 80]
    assert (found["verdict"], found["address"]) == ("new", "0.0.0.0, ::")
    assert len(found["listeners"]) == 2


def test_what_closed_just_before_may_be_restarting(
    seeded: Instant, writer_of_now: Writer, porteye: Command
) -> None:
    opening = Opening(PYTHON, seeded.now - 9 * SECOND, Precision.KERNEL)
    opening = Opening(owned(endpoint(22), process(400, name="sshd")), opening.at, opening.seen)
    (life,) = writer_of_now.record_changes(opening.at, [opening])
    closed = seeded.now - 5 * SECOND
    writer_of_now.record_changes(closed, closed=[Closing(life, closed, Precision.KERNEL)])
    expect(seeded.db, EVERYTHING + "[[expected]]\nport = 22\nalways = true")
    answered = porteye("check", "--json")
    (found,) = [each for each in json.loads(answered.out) if each["port"] == "22"]
    assert (found["verdict"], found["why"]) == ("unknown", "it closed less than 2 min before")
    assert answered.status == 1


def test_a_moment_before_is_judged(seeded: Instant, porteye: Command) -> None:
    expect(seeded.db, NGINX + POSTGRES + DNS)
    then = porteye("check", "--json", "--at", "25 min ago")
    assert (then.status, verdicts(then)) == (2, {8765: "new"})
    assert porteye("check", "--at", "15 min ago").status == 0
    early = porteye("check", "--at", "3 hours ago")
    assert early.status == 3
    assert "Nobody watched yet" in early.err


def test_what_was_open_for_less_than_the_hold_is_brief(seeded: Instant, porteye: Command) -> None:
    expect(seeded.db, f'[defaults]\nhold = "11m"\n{NGINX + POSTGRES + DNS}')
    then = porteye("check", "--json", "--at", "25 min ago")
    assert (then.status, verdicts(then)) == (1, {8765: "brief"})


def test_a_gap_is_never_the_status_0(abandoned: Instant, porteye: Command) -> None:
    expect(abandoned.db, EVERYTHING)
    with closing(sqlite3.connect(abandoned.db)) as connection:
        connection.execute("UPDATE watch SET seen_at = seen_at - 1200000000")
        connection.commit()
    answered = porteye("check", "--nagios", "--at", "1 min ago")
    assert answered.status == 3
    assert answered.out.startswith("PORTEYE UNKNOWN - Nobody watched at ")
    expect(abandoned.db, POSTGRES + DNS + PYTHONS)
    # It was open when last watched, which is not to be open at that moment.
    doubtful = porteye("check", "--json", "--at", "1 min ago")
    assert (doubtful.status, verdicts(doubtful)) == (3, {80: "unknown"})


def test_without_a_monitor_the_machine_is_looked_at_once(
    db: Path, porteye: Command, tmp_path: Path
) -> None:
    expect(db, '[defaults]\nephemeral = "ignore"\n[[expected]]\nport = "1-65535"\n'
               'reach = "every interface"\n[[expected]]\nport = "1-65535"\nprotocol = "udp"\n'
               'reach = "every interface"\n')  # fmt: skip
    answered = porteye("check")
    assert answered.status == 0
    assert "This is one scan of the machine" in answered.err
    # Nagios reads no standard error.
    assert "This is one scan of the machine" in porteye("check", "--nagios").out
    expect(db, "[[expected]]\nport = 1\nalways = true")
    lines = porteye("check").out.splitlines()
    (absent,) = [line for line in lines if line.split("\t")[2] == "1"]
    assert absent.startswith("unknown\tit is not there, and nobody watched for the 2 min before")


def test_the_database_of_another_machine_says_nothing(elsewhere: Instant, porteye: Command) -> None:
    expect(elsewhere.db, EVERYTHING)
    assert porteye("check").status == 3
    assert porteye("check", "--nagios").out.startswith("PORTEYE UNKNOWN - This database is of")


def test_nagios_gets_one_line_with_numbers(seeded: Instant, porteye: Command) -> None:
    expect(seeded.db, EVERYTHING)
    assert porteye("check", "--nagios").out == (
        "PORTEYE OK - 4 expected | wider=0 owner=0 new=0 missing=0 unknown=0 brief=0 expected=4\n"
    )
    expect(seeded.db, "")
    line = porteye("check", "--nagios").out
    assert line.startswith("PORTEYE CRITICAL - new: ")
    assert line.count("\n") == 1
    assert line.count("|") == 1
    expect(seeded.db, "port = 22")
    answered = porteye("check", "--nagios")
    assert (answered.status, answered.err) == (3, "")
    assert answered.out.startswith("PORTEYE UNKNOWN - ")


def test_junit_is_xml_with_a_test_for_each_finding(
    seeded: Instant, writer_of_now: Writer, porteye: Command
) -> None:
    evil = process(812, name="<ev\x1bil>&\"'|\ufffe]]>", cmdline="x")
    at = time.time_ns() // 1000 - SECOND
    writer_of_now.record_changes(at, [Opening(owned(endpoint(3000), evil), at, Precision.KERNEL)])
    unknown = DNS.replace("port", 'unit = "x.service"\nport', 1)
    expect(seeded.db, NGINX + POSTGRES + unknown + PYTHONS)
    answered = porteye("check", "--junit")
    suite = ET.fromstring(answered.out)
    assert {name: suite.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "5",
        "failures": "1",
        "errors": "1",
    }
    assert len(suite.findall("testcase")) == 5
    assert [each.get("message") for each in suite.iter("failure")] == [
        "new: no block has this port"
    ]
    assert answered.status == 2
