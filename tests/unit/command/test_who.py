"""`porteye who`: the sentence, its past tense, its exit status, in every state of the database."""

import io
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from porteye_core.model import Ancestor, Precision, Program
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.command import Command
from tests.kit.old_database import old_database
from tests.kit.seeding import Instant
from tests.kit.values import SECOND, by_id, endpoint, owned, process

NGINX = """\
nginx listens on 0.0.0.0:80 (any network), since CLOCK at least, when PortEye began to watch; its \
process started CLOCK.
pid 100, user www.
  nginx -g daemon
"""
PYTHON = """\
http.server (python) listens on 127.0.0.1:8765 (local only), since CLOCK, for LENGTH.
pid 300, user www.
  python3 -m http.server 8765
"""


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["80"], NGINX),
        (["tcp/80"], NGINX),
        (["nginx"], NGINX),
        (["--pid", "100"], NGINX),
        (["Error:", "listen", "EADDRINUSE: address already in use :::80"], NGINX),
        (["http.server"], PYTHON),
        (["8765"], PYTHON),
    ],
)
def test_who_holds_it_is_a_sentence_and_its_background(
    seeded: Instant, porteye: Command, words: list[str], answer: str
) -> None:
    answered = porteye("who", *words)
    assert answered.timeless == answer
    assert answered.status == 0
    assert answered.err == ""


def test_an_owner_that_is_not_known_has_its_reason(seeded: Instant, porteye: Command) -> None:
    answered = porteye("who", "53/udp")
    assert answered.timeless == (
        "A process that is not known listens on [::1]:53 over UDP (local only), since CLOCK at"
        " least, when PortEye began to watch.\nOwner not known yet: the search goes on.\n"
    )
    assert answered.status == 0


def test_the_parents_are_told_from_the_nearest_to_the_first(
    porteye: Command, seeded: Instant, writer_of_now: Writer
) -> None:
    owner = replace(
        process(812, name="node", cmdline="node server.js"),
        parents=(Ancestor(20, "bash"), Ancestor(9, "sshd"), Ancestor(1, "systemd")),
        cwd="/srv/shop",
    )
    at = seeded.now - SECOND
    for address in ("127.0.0.1", "::1"):
        opening = Opening(owned(endpoint(3000, address=address), owner), at, Precision.KERNEL)
        writer_of_now.record_changes(at, [opening])
    assert porteye("who", "3000").timeless == (
        "server.js (node) listens on 127.0.0.1:3000 and [::1]:3000 (local only), since CLOCK, for"
        " LENGTH.\npid 812, user www.\n"
        "Started by bash (20), which sshd (9) started, which systemd (1) started.\n"
        "  node server.js\n  in /srv/shop\n"
    )


def test_who_held_it_last_is_told_in_the_past_tense(
    seeded: Instant, porteye: Command, writer_of_now: Writer
) -> None:
    (life,) = [
        each for each in writer_of_now.open_listeners(by_id).values() if each.endpoint.port == 8765
    ]
    at = seeded.now - 5 * SECOND
    writer_of_now.record_changes(at, closed=[Closing(life, at, Precision.KERNEL)])
    answered = porteye("who", "8765")
    assert answered.timeless == (
        "Nothing listens on 8765.\n"
        "http.server (python) held 127.0.0.1:8765 (local only) last, until CLOCK, for LENGTH.\n"
        "pid 300, user www.\n  python3 -m http.server 8765\n"
    )
    assert answered.status == 1
    (event,) = json.loads(porteye("who", "8765", "--json").out)
    assert (event["status"], event["port"], event["pid"]) == ("closed", 8765, 300)


def test_nobody_ever_is_exit_status_1(seeded: Instant, porteye: Command) -> None:
    answered = porteye("who", "9")
    assert (answered.out, answered.status) == ("Nothing listens on 9.\n", 1)
    assert porteye("who", "9", "--json").out == "[]\n"


def test_json_is_the_records_of_the_api(seeded: Instant, porteye: Command) -> None:
    answered = porteye("who", "80", "--json")
    (record,) = json.loads(answered.out)
    assert (record["port"], record["title"], record["clients"]) == (80, "nginx", 7)
    assert answered.status == 0


# At a moment before.


def test_a_moment_before_is_told_with_what_was_understood(
    seeded: Instant, porteye: Command
) -> None:
    answered = porteye("who", "8765", "--at", "25 min ago")
    first, *_ = answered.out.splitlines()
    assert first.startswith("At ")
    assert first.endswith(" UTC: http.server (python) listened on 127.0.0.1:8765 (local only).")
    assert answered.status == 0
    (record,) = json.loads(porteye("who", "8765", "--at", "25 min ago", "--json").out)
    assert (record["port"], record["certainty"]) == (8765, "")


@pytest.mark.parametrize("words", [["8765"], ["--pid", "300"], ["http.server"], ["user:www", "x"]])
def test_nobody_at_a_moment_is_exit_status_1(
    seeded: Instant, porteye: Command, words: list[str]
) -> None:
    answered = porteye("who", *words, "--at", "15 min ago")
    assert answered.out.startswith("Nothing ")
    assert answered.status == 1


def test_a_pid_at_a_moment_is_its_own_listeners_alone(seeded: Instant, porteye: Command) -> None:
    answered = porteye("who", "--pid", "200", "--at", "25 min ago")
    assert "postgres listened on 127.0.0.1:5432" in answered.out
    assert "nginx" not in answered.out


def test_before_the_first_watch_nobody_can_say(seeded: Instant, porteye: Command) -> None:
    answered = porteye("who", "80", "--at", "3 h ago")
    assert answered.status == 3
    assert answered.err.startswith("porteye: Nobody watched yet at ")
    assert answered.out == ""


def test_after_the_last_watch_it_was_open_when_last_watched(
    abandoned: Instant, porteye: Command
) -> None:
    answered = porteye("who", "80", "--at", "now")
    assert "It was open when last watched." in answered.out
    assert answered.out.endswith("Nobody watched at that moment.\n")
    assert answered.status == 3


def test_a_time_that_has_not_come_is_wrong_use(seeded: Instant, porteye: Command) -> None:
    answered = porteye("who", "80", "--at", "2099-01-01")
    assert answered.status == 2
    assert answered.err == ("porteye: “2099-01-01” has not come yet. Use a time that is over.\n")


# Without a monitor that watches.


@pytest.fixture
def held_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_without_a_database_one_look_answers_and_knows_no_past(
    porteye: Command, held_port: int
) -> None:
    answered = porteye("who", str(held_port))
    first, second, *_, last = answered.out.splitlines()
    assert f" listens on 127.0.0.1:{held_port} (local only)" in first
    assert second.startswith(f"pid {os.getpid()}, user ")
    assert last.startswith(
        f"Nothing is recorded yet: there is no database at {porteye.db}. This is one scan of the"
        " machine; it knows no past. Start the monitor: "
    )
    assert answered.status == 0
    (record,) = json.loads(porteye("who", str(held_port), "--json").out)
    assert record["pid"] == os.getpid()
    assert not porteye.db.exists()


def test_without_a_database_nobody_is_exit_status_1(porteye: Command) -> None:
    answered = porteye("who", "1/udp")
    assert answered.out.startswith("Nothing listens on 1 over UDP.\nNothing is recorded yet")
    assert answered.status == 1


def test_without_a_monitor_the_past_is_told_and_the_present_looked_at(
    abandoned: Instant, porteye: Command, held_port: int
) -> None:
    note = (
        "No monitor watches: it ended abruptly CLOCK, and nothing is recorded since. This is one"
        " scan of the machine. Start a monitor: "
    )
    answered = porteye("who", str(held_port))
    assert answered.timeless.splitlines()[-1].startswith(note)
    assert answered.status == 0


def test_what_was_open_when_last_watched_is_told_as_that(
    abandoned: Instant, porteye: Command
) -> None:
    answered = porteye("who", "8765/tcp")
    assert answered.timeless.startswith(
        "Nothing listens on 8765 over TCP.\n"
        "http.server (python) held 127.0.0.1:8765 (local only) when it was last watched, CLOCK.\n"
        "pid 300, user www.\n  python3 -m http.server 8765\nNo monitor watches: it ended"
    )
    assert answered.status == 1
    (event,) = json.loads(porteye("who", "8765/tcp", "--json").out)
    assert (event["status"], event["pid"]) == ("opened", 300)


def test_an_older_schema_leaves_one_scan(db: Path, porteye: Command, held_port: int) -> None:
    old_database(db, 3)
    answered = porteye("who", str(held_port))
    assert "schema 3" in answered.out.splitlines()[-1]
    assert answered.status == 0
    past = porteye("who", "80", "--at", "2023-11-15")
    assert (past.status, past.out) == (3, "")
    assert "schema 3" in past.err


def test_of_another_machine_nobody_can_say(elsewhere: Instant, porteye: Command) -> None:
    answered = porteye("who", "80")
    assert answered.status == 3
    assert answered.err == (
        "porteye: This database is of another machine, here: what listens here is not known. Ask"
        " for a time of its history by --at.\n"
    )


# Odd input.


def test_a_hostile_name_moves_no_cursor(
    seeded: Instant, porteye: Command, writer_of_now: Writer
) -> None:
    owner = replace(
        process(666), program=Program("\x1b[2Jevil\u202e", "/x", "\x9b31m", "a\r\nb\x07\tc")
    )
    opening = Opening(owned(endpoint(6660), owner), seeded.now, Precision.POLL)
    writer_of_now.record_changes(seeded.now, [opening])
    for words in (["6660"], ["6660", "--json"], ["6660", "--at", "now"]):
        out = porteye("who", *words).out
        assert "evil" in out
        assert not {"\x1b", "\x9b", "\r", "\x07", "\t", "\u202e"} & set(out)


@pytest.mark.parametrize(
    "words",
    [[], ["  "], ["--pid", "0"], ["--pid", "x"], ["80", "--at", "soon"], ["80", "--at", "0"]],
)
def test_a_question_that_asks_nothing_is_wrong_use(
    seeded: Instant, porteye: Command, words: list[str]
) -> None:
    answered = porteye("who", *words)
    assert answered.status == 2
    assert answered.out == ""
    assert answered.err


def test_a_dash_reads_what_a_program_printed(
    seeded: Instant, porteye: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = "Error: listen EADDRINUSE: address already in use :::80\n    at Server.setup"
    monkeypatch.setattr("sys.stdin", io.StringIO(printed))
    assert porteye("who", "-").timeless == NGINX
