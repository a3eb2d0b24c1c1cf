"""`porteye health`: the state of the monitor, as a person reads it and as the API has it."""

import json
import time
from pathlib import Path

from porteye_core.api.shapes import Health
from porteye_core.store.alerts import beside, mark_failed, writing
from porteye_core.store.writing.startup import open_writer
from tests.kit.alerts import fill
from tests.kit.command import Command
from tests.kit.old_database import old_database
from tests.kit.seeding import MINUTE, Instant, seed
from tests.kit.values import HOST


def test_a_monitor_that_watches_is_exit_status_0(seeded: Instant, porteye: Command) -> None:
    answered = porteye("health")
    first, *others = answered.timeless.splitlines()
    assert first.startswith("The monitor watches, pid ")
    assert first.endswith(", since CLOCK, for LENGTH.")
    assert others[1:] == ["Listeners are seen by polling.", f"Database: {porteye.db}"]
    assert answered.status == 0


def test_a_monitor_that_has_gone_is_exit_status_1_and_says_since_when(
    abandoned: Instant, porteye: Command
) -> None:
    answered = porteye("health")
    first, *_, last = answered.timeless.splitlines()
    assert first == "No monitor watches: it ended abruptly CLOCK, and nothing is recorded since."
    assert last.startswith("Start a monitor: ")
    assert answered.status == 1


def test_a_monitor_that_was_stopped_says_so(db: Path, porteye: Command) -> None:
    now = time.time_ns() // 1000
    with open_writer(db, HOST, now - 61 * MINUTE) as writer:
        seed(writer, now)
        writer.end_watch(now)
    assert "it was stopped CLOCK" in porteye("health").timeless


def test_no_database_is_exit_status_1(porteye: Command) -> None:
    answered = porteye("health")
    assert answered.out.startswith("No monitor has watched yet.\n")
    assert answered.status == 1


def test_json_is_the_record_of_the_api(seeded: Instant, porteye: Command) -> None:
    record = json.loads(porteye("health", "--json").out)
    assert list(record) == list(Health.model_fields)
    assert (record["status"], record["source"]) == ("watching", "portable")


def test_it_counts_the_messages_that_were_not_delivered(seeded: Instant, porteye: Command) -> None:
    fill(beside(seeded.db), seeded.now)
    said = porteye("health").out.splitlines()
    assert "No alerts process runs: nothing is told." in said
    assert "Messages that wait for their receiver: 1." in said
    with writing(beside(seeded.db)) as connection:
        mark_failed(connection, "msg_2", seeded.now, "gone")
    answered = porteye("health")
    assert answered.status == 0, "the status is that of the monitor"
    assert "Messages that were given up: 1." in answered.out.splitlines()
    record = json.loads(porteye("health", "--json").out)
    assert [record[name] for name in ("alerts", "alerts_waiting", "alerts_failed")] == [
        *("stopped", 0, 1)
    ]


def test_an_older_schema_cannot_be_read(db: Path, porteye: Command) -> None:
    old_database(db, 3)
    answered = porteye("health")
    assert (answered.status, answered.out) == (3, "")
    assert "schema 3" in answered.err


def test_of_another_machine_it_says_which(elsewhere: Instant, porteye: Command) -> None:
    answered = porteye("health")
    assert answered.out.startswith("This database is of another machine, here.\n")
    assert answered.status == 1
