"""The engine judges what is missing, the watch and the file of expected ports."""

from tests.kit.judging import HOUR, MINUTE, SECOND, Judged

HOLD = 30 * SECOND
GROUP = 30 * SECOND


def test_what_is_always_expected_is_missed_after_two_minutes(machine: Judged) -> None:
    machine.expect(machine.text + '[[expected]]\nport = 2222\nalways = true\nlabel = "Door"\n')
    machine.later(2 * MINUTE - SECOND)
    assert machine.told == []
    machine.later(MINUTE)
    assert machine.told == [("begin", "missing", 2222)]
    machine.opens(2222, address="127.0.0.1")
    machine.later(10 * MINUTE)
    assert machine.told[1:] == [("end", "missing", 2222)]


def test_a_restart_of_what_is_always_expected_is_not_missed(machine: Judged) -> None:
    machine.expect(machine.text + "[[expected]]\nport = 2222\nalways = true\n")
    listener = machine.opens(2222, address="127.0.0.1")
    machine.later(HOUR, MINUTE)
    for _ in range(20):
        machine.closes(listener)
        machine.later(MINUTE)
        listener = machine.opens(2222, address="127.0.0.1")
        machine.later(MINUTE)
    assert machine.told == []


def test_a_block_that_the_file_loses_while_nobody_judges_is_missed_no_more(
    machine: Judged,
) -> None:
    machine.closes(machine.listeners[22])
    machine.later(5 * MINUTE)
    machine.text = machine.text.replace("always = true", "")
    machine.begin()
    machine.later(10 * MINUTE)
    assert machine.told == [("begin", "missing", 22), ("end", "missing", 22)]
    assert machine.findings[0].ended_why == "expected now"


def test_nothing_is_missed_while_nobody_watches(machine: Judged) -> None:
    machine.expect(machine.text + "[[expected]]\nport = 2222\nalways = true\n")
    machine.later(MINUTE)
    machine.is_watched = False
    machine.later(HOUR, 10 * SECOND)
    assert [told for told in machine.told if told[1] == "missing"] == []


def test_nothing_is_missed_just_after_the_boot(machine: Judged) -> None:
    machine.boot, machine.elapsed = "another", 20 * SECOND
    machine.expect(machine.text + "[[expected]]\nport = 2222\nalways = true\n")
    machine.later(5 * MINUTE - 30 * SECOND)
    assert machine.told == []
    assert machine.later(2 * MINUTE).told == [("begin", "missing", 2222)]


def test_nobody_watches_is_told_after_two_minutes_and_its_end_too(machine: Judged) -> None:
    machine.later(MINUTE)
    machine.is_watched = False
    machine.later(2 * MINUTE)
    assert machine.told == [("begin", "unwatched", None)]
    assert "Nobody" in machine.messages[0]["data"]["title"] or "stalled" in str(machine.messages)
    machine.is_watched = True
    machine.later(2 * MINUTE)
    assert machine.told[1:] == [("end", "unwatched", None)]


def test_a_database_that_is_away_holds_back_nothing_that_is_due(machine: Judged) -> None:
    machine.closes(machine.listeners[22])  # always expected
    machine.opens(8080)
    machine.later(10 * SECOND)
    machine.is_watched = False
    machine.db.rename(machine.db.with_name("away.db"))
    machine.later(5 * MINUTE)
    assert machine.told == [("begin", "new", 8080), ("begin", "unwatched", None)]


def test_a_start_after_a_boot_gives_the_monitor_its_time(machine: Judged) -> None:
    machine.later(MINUTE)
    machine.is_watched = False
    machine.wall += 8 * HOUR
    machine.boot, machine.elapsed = "another", 10 * SECOND
    machine.begin()
    machine.later(MINUTE)
    machine.is_watched = True
    assert machine.later(10 * MINUTE).told == []


def test_without_a_file_only_the_watch_is_judged(machine: Judged) -> None:
    machine.engine.set_expected(None, machine.moment)
    machine.engine.set_trouble("expected.toml", "There is no file.", machine.moment)
    machine.opens(8080)
    machine.later(5 * MINUTE)
    assert machine.told == [("begin", "settings", None)]
    machine.is_watched = False
    machine.later(5 * MINUTE)
    assert machine.told[1:] == [("begin", "unwatched", None)]
    machine.expect(machine.text)
    machine.engine.set_trouble("expected.toml", "", machine.moment)
    machine.later(10 * MINUTE)
    assert set(machine.told[2:]) == {("end", "settings", None), ("begin", "new", 8080)}


def test_a_file_that_is_gone_ends_what_was_found_by_it_and_says_why(machine: Judged) -> None:
    machine.opens(8080)
    machine.closes(machine.listeners[22])
    machine.later(10 * MINUTE)
    begun = {("begin", "new", 8080), ("begin", "missing", 22)}
    assert set(machine.told) == begun
    machine.engine.set_expected(None, machine.moment)
    machine.later(10 * MINUTE)
    assert set(machine.told) - begun == {("end", "new", 8080), ("end", "missing", 22)}
    assert {each.ended_why for each in machine.findings} == {
        "no file says any more what is expected"
    }


def test_a_file_that_is_wrong_in_another_way_says_so_and_is_told_once(machine: Judged) -> None:
    for trouble in ("line 3 is wrong", "line 9 is wrong"):
        machine.engine.set_trouble("expected.toml", trouble, machine.moment)
        machine.later(10 * MINUTE)
    assert machine.told == [("begin", "settings", None)]
    assert [each.why for each in machine.findings] == ["line 9 is wrong"]
    machine.engine.set_trouble("expected.toml", "", machine.moment)
    machine.later(10 * MINUTE)
    assert machine.messages[-1]["data"]["findings"][0]["text"] == "over: line 9 is wrong"
