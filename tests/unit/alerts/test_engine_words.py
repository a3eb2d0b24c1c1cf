"""The engine follows what people say: accepts, notes, silences, quiet windows, receivers."""

from pathlib import Path

from porteye_core.alerts.timers import Rules
from porteye_core.store.alerts import (
    EVERY_DAY,
    Matcher,
    Note,
    Quiet,
    Receiver,
    Silence,
    add_silence,
    put_accept,
    put_words,
)
from tests.kit.judging import DAY, HOOK, HOUR, MINUTE, SECOND, Judged, judged

HOLD = 30 * SECOND
GROUP = 30 * SECOND


def test_what_is_accepted_ends_and_stays_silent_until_its_time(machine: Judged) -> None:
    machine.opens(8080)
    machine.later(2 * MINUTE)
    (found,) = machine.findings
    until = machine.wall + 3 * HOUR
    put_accept(
        machine.connection,
        Note(found.key, accepted_at=machine.wall, accepted_until=until, at=machine.wall),
    )
    machine.engine.read_notes(machine.moment)
    machine.later(2 * HOUR, MINUTE)
    assert machine.told[1:] == [("end", "new", 8080)]
    assert machine.findings[0].ended_why == "accepted"
    machine.later(2 * HOUR, MINUTE)
    assert machine.told[2:] == [("begin", "new", 8080)]


def test_a_finding_has_the_label_of_a_note_else_of_the_block(machine: Judged) -> None:
    machine.expect(machine.text + '[[expected]]\nport = 9000\nprogram = "x"\nlabel = "Door"\n')
    machine.opens(9000)
    machine.later(5 * MINUTE)
    (first,) = machine.findings
    assert first.label == "Door"
    put_words(machine.connection, Note(first.key, "Gate", at=machine.wall))
    machine.engine.read_notes(machine.moment)
    machine.closes(machine.listeners[9000])
    machine.later(3 * HOUR, MINUTE)
    machine.opens(9000)
    machine.later(5 * MINUTE)
    assert sorted(each.label for each in machine.findings) == ["Door", "Gate"]


def test_a_silence_holds_back_and_what_is_still_true_is_told_after_it(machine: Judged) -> None:
    matcher = Matcher(port="8000-8099")
    end = machine.wall + HOUR
    add_silence(machine.connection, Silence(0, matcher, machine.wall, end))
    machine.engine.read_notes(machine.moment)
    machine.opens(8080)
    gone = machine.opens(8081)
    machine.opens(9000)
    machine.later(10 * MINUTE)
    machine.closes(gone)
    machine.later(45 * MINUTE)
    assert machine.told == [("begin", "new", 9000)]
    machine.later(10 * MINUTE)
    machine.later(2 * HOUR, MINUTE)
    assert [told for told in machine.told if told[2] == 8080] == [("begin", "new", 8080)]


def test_a_finding_in_a_quiet_window_is_told_once_after_it(tmp_path: Path) -> None:
    nearly_always = Quiet(0, 23 * 60, EVERY_DAY)
    rules = Rules(quiet=(nearly_always,), receivers=(HOOK,))
    with judged(tmp_path, rules) as machine:
        machine.opens(8080)
        machine.later(HOUR, 10 * MINUTE)
        assert machine.told == []
        machine.later(DAY, 10 * MINUTE)
        assert machine.told == [("begin", "new", 8080)]


def test_a_receiver_is_told_what_is_grave_enough_alone(tmp_path: Path) -> None:
    grave = Receiver("grave", "mail", "mail", "owner", 0)
    with judged(tmp_path, Rules(receivers=(grave, HOOK))) as machine:
        machine.opens(8080)
        machine.later(10 * MINUTE)
        assert machine.told == []
        machine.opens(22, "nc")
        machine.later(10 * MINUTE)
        assert machine.told == [("begin", "owner", 22)]


def test_a_receiver_that_comes_later_is_told_what_nobody_was(tmp_path: Path) -> None:
    with judged(tmp_path, Rules()) as machine:
        machine.opens(8080)
        machine.later(HOUR, MINUTE)
        machine.rules = Rules(receivers=(HOOK,))
        machine.engine.set_rules(machine.rules)
        assert machine.later(10 * MINUTE).told == [("begin", "new", 8080)]


def test_what_waits_while_the_receivers_are_away_is_told_once_they_are_back(
    machine: Judged,
) -> None:
    machine.opens(8080)
    machine.later(HOLD + SECOND)
    machine.engine.set_rules(Rules())
    machine.later(HOUR, MINUTE)
    machine.engine.set_rules(machine.rules)
    assert machine.later(2 * MINUTE).told == [("begin", "new", 8080)]
