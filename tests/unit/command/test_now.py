"""`porteye now`: a table for a terminal, tabs for programs, records as JSON."""

import io
import json

import pytest

from porteye_core.command.arguments import parser
from porteye_core.command.now import now
from porteye_core.command.question import Question
from porteye_core.command.screen import Screen
from porteye_core.model import Precision, Program
from porteye_core.store.writing.writer import Opening, Writer
from tests.kit.command import Command, timeless
from tests.kit.old_database import old_database
from tests.kit.seeding import Instant
from tests.kit.values import endpoint, owned, process

HEAD = "\t".join(
    (
        *("port", "protocol", "address", "interface", "exposure", "title", "pid", "user", "unit"),
        *("container", "since", "cmdline"),
    )
)


def shown(db: Instant, width: int, *words: str, coloured: bool = False) -> str:
    """The answer on a terminal of this width."""
    out = io.StringIO()
    given = parser().parse_args(["now", "--db", str(db.db), *words])
    screen = Screen(out, is_terminal=True, is_coloured=coloured, width=width)
    assert now(given, Question.of(given), screen) == 0
    return timeless(out.getvalue())


def test_a_terminal_gets_a_table(seeded: Instant) -> None:
    assert shown(seeded, 140) == (
        """\
PORT  PROTOCOL  ADDRESS    PROGRAM                                  PID  USER  REACHABLE FROM     SINCE
  53  udp       ::1        owner not known yet: the search goes on             this machine only  CLOCK at least
  80  tcp       0.0.0.0    nginx                                    100  www   every interface    CLOCK at least
5432  tcp       127.0.0.1  postgres                                 200  www   this machine only  CLOCK at least
8765  tcp       127.0.0.1  http.server (python)                     300  www   this machine only  CLOCK
"""  # noqa: E501
    )


def test_a_narrow_terminal_gets_what_fits(seeded: Instant) -> None:
    assert shown(seeded, 40) == (
        """\
PORT  PROGRAM                   PID
  53  owner not known yet: th…
  80  nginx                     100
5432  postgres                  200
8765  http.server (python)      300
"""
    )
    for width in (1, 10, 20, 33, 60, 80):
        lines = shown(seeded, width, "--port", "80,8765").splitlines()
        assert len(lines) == 3
        assert all(len(line) <= max(width, 13) for line in lines)


def test_exposed_is_what_other_hosts_can_reach(seeded: Instant, porteye: Command) -> None:
    ports = [each["port"] for each in json.loads(porteye("now", "--exposed", "--json").out)]
    assert ports == [80]
    assert json.loads(porteye("now", "--exposed", "--exposure", "local", "--json").out) == []


@pytest.mark.parametrize(
    ("words", "ports"),
    [
        ([], [53, 80, 5432, 8765]),
        (["--port", "80,5000-6000"], [80, 5432]),
        (["--process", "HTTP.SERVER"], [8765]),
        (["--protocol", "udp"], [53]),
        (["--address", "[::1]"], [53]),
        (["--user", "www", "--exposure", "machine"], [5432, 8765]),
        (["--since", "5 min ago"], [8765]),
        (["--until", "5 min ago"], [53, 80, 5432]),
    ],
)
def test_filters_are_those_of_the_api(
    seeded: Instant, porteye: Command, words: list[str], ports: list[int]
) -> None:
    assert [each["port"] for each in json.loads(porteye("now", *words, "--json").out)] == ports


def test_a_program_gets_tabs(seeded: Instant, porteye: Command) -> None:
    answered = porteye("now", "--port", "53,80")
    head, dns, nginx = answered.out.splitlines()
    assert head == HEAD
    assert dns.split("\t")[:9] == ["53", "udp", "::1", "", "this machine only", "", "", "", ""]
    assert nginx.split("\t")[4:8] == ["every interface", "nginx", "100", "www"]
    assert len(dns.split("\t")) == len(nginx.split("\t")) == len(HEAD.split("\t"))
    assert answered.status == 0


def test_nothing_is_said_as_such(seeded: Instant, porteye: Command) -> None:
    assert shown(seeded, 80, "--port", "9") == "Nothing listens that the filters let through.\n"
    assert porteye("now", "--port", "9").out == HEAD + "\n"


def test_a_hostile_name_stays_in_its_cell(
    seeded: Instant, porteye: Command, writer_of_now: Writer
) -> None:
    program = Program("\x1b]0;owned\x07\u202e", "/x", "a\tb\nc", "d\x1b[31m\te")
    owner = process(666)
    opening = Opening(
        owned(endpoint(6660), type(owner)(owner.key, program)), seeded.now, Precision.POLL
    )
    writer_of_now.record_changes(seeded.now, [opening])
    lines = porteye("now").out.splitlines()
    assert len(lines) == 6
    assert {len(line.split("\t")) for line in lines} == {12}
    for out in (*lines, shown(seeded, 200), porteye("now", "--json").out):
        assert not {"\x1b", "\x07", "\u202e"} & set(out)


def test_colour_is_asked_for(seeded: Instant) -> None:
    coloured = shown(seeded, 80, coloured=True)
    assert coloured.replace("\x1b[2m", "").replace("\x1b[0m", "") == shown(seeded, 80)
    assert "\x1b[2m" in coloured


def test_a_wrong_filter_is_wrong_use(seeded: Instant, porteye: Command) -> None:
    answered = porteye("now", "--port", "http")
    assert (answered.status, answered.out) == (2, "")
    assert answered.err.startswith("porteye: “http” is not a port.")


# Without a monitor that watches.


def test_without_a_database_it_looks_once(porteye: Command) -> None:
    answered = porteye("now", "--json")
    assert isinstance(json.loads(answered.out), list)
    assert answered.status == 0


def test_a_look_says_on_a_terminal_why_it_is_one(abandoned: Instant) -> None:
    lines = shown(abandoned, 100).splitlines()
    assert lines[-1].startswith("No monitor watches: it ended abruptly CLOCK")
    assert "SINCE" not in lines[0]


def test_an_older_schema_leaves_a_scan(seeded: Instant, tmp_path: object) -> None:
    old = seeded.db.with_name("old.db")
    old_database(old, 4)
    assert "schema 4" in shown(Instant(old, seeded.now), 100).splitlines()[-1]


def test_of_another_machine_nobody_can_say(elsewhere: Instant, porteye: Command) -> None:
    assert porteye("now").status == 3
