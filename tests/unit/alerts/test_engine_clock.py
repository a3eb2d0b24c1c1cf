"""The engine comes to the same whatever clock, machine and process do."""

from pathlib import Path

from porteye_core.alerts.alert_clock import LONGEST_OFF
from porteye_core.alerts.timers import Rules, Timers
from tests.kit.judging import DAY, HOOK, HOUR, MINUTE, SECOND, Judged, judged

HOLD = 30 * SECOND
GROUP = 30 * SECOND


def test_a_clock_that_is_set_back_delays_and_repeats_nothing(machine: Judged) -> None:
    machine.opens(8080)
    machine.later(20 * SECOND)
    machine.wall -= 3 * HOUR
    machine.later(MINUTE)
    assert machine.told == [("begin", "new", 8080)]
    machine.opens(8081)
    machine.later(10 * MINUTE)
    assert machine.told == [("begin", "new", 8080), ("begin", "new", 8081)]


def test_a_clock_that_was_set_ahead_eighty_years_leaves_nothing_behind(machine: Judged) -> None:
    machine.opens(8080)
    machine.later(5 * MINUTE)
    machine.wall += 80 * 365 * DAY
    machine.later(5 * MINUTE)
    machine.begin()
    machine.wall -= 80 * 365 * DAY
    machine.later(5 * MINUTE)
    machine.begin()
    machine.opens(8081)
    machine.later(10 * MINUTE)
    assert machine.told == [("begin", "new", 8080), ("begin", "new", 8081)]


def test_a_machine_that_was_off_for_long_is_away_for_days_at_most(machine: Judged) -> None:
    machine.boot = "another"
    machine.wall += 400 * DAY
    before = machine.engine.next_due()
    machine.begin()
    machine.later()
    row = machine.connection.execute("SELECT clock FROM cursor").fetchone()
    assert before is None or row[0] <= LONGEST_OFF + DAY


def test_a_restart_of_the_process_repeats_nothing(machine: Judged) -> None:
    listener = machine.opens(8080)
    for _ in range(30):
        machine.begin()
        machine.later(10 * SECOND)
    assert machine.told == [("begin", "new", 8080)]
    machine.begin()
    machine.closes(listener)
    machine.begin()
    machine.later(HOUR, MINUTE)
    machine.begin()
    machine.later(10 * MINUTE)
    assert machine.told == [("begin", "new", 8080), ("end", "new", 8080)]


def test_events_of_a_time_without_the_process_are_judged_as_if_it_had_run(
    machine: Judged,
) -> None:
    machine.lives(8080, 10 * MINUTE)
    machine.tick_by(2 * HOUR)
    machine.lives(8081, SECOND)
    machine.begin()
    machine.later(MINUTE)
    assert machine.told == [("begin", "new", 8080), ("end", "new", 8080)]
    assert [each.kind for each in machine.findings] == ["listener", "brief"]


def test_the_digest_comes_once_a_day(tmp_path: Path) -> None:
    rules = Rules(Timers(digest=0), receivers=(HOOK,))
    with judged(tmp_path, rules) as machine:
        machine.opens(8080)
        machine.later(3 * DAY, 10 * MINUTE)
        assert len(machine.digests) == 3
        (line,) = machine.digests[-1]["data"]["findings"]
        assert (line["phase"], line["port"]) == ("digest", 8080)
