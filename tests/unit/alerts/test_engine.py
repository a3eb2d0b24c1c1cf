"""The engine judges what the monitor stores: what it tells, and what it does not."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from porteye_core.alerts.alert_clock import LONGEST_OFF
from porteye_core.alerts.timers import Rules, Timers
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
from tests.kit.values import process

HOLD = 30 * SECOND
GROUP = 30 * SECOND


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Judged]:
    with judged(tmp_path) as made:
        yield made


def test_what_is_expected_is_never_told(machine: Judged) -> None:
    assert machine.later(2 * DAY, 10 * MINUTE).told == []
    assert machine.findings == []
    assert machine.digests == []


def test_what_is_new_is_told_once_after_hold_and_group(machine: Judged) -> None:
    machine.opens(8080)
    machine.later(HOLD + GROUP - SECOND)
    assert machine.told == []
    machine.later(SECOND)
    assert machine.told == [("begin", "new", 8080)]
    assert machine.later(10 * HOUR, HOUR).told == [("begin", "new", 8080)]


def test_a_wider_reach_is_told_within_six_seconds(machine: Judged) -> None:
    machine.later(MINUTE)
    machine.opens(5432, "postgres", "0.0.0.0")
    machine.later(6 * SECOND, SECOND)
    assert machine.told == [("begin", "wider", 5432)]
    assert machine.messages[0]["data"]["findings"][0]["exposure"] == "every interface"


def test_another_program_on_a_port_is_told_with_both(machine: Judged) -> None:
    machine.opens(22, "nc")
    (found,) = machine.later(2 * MINUTE).messages[0]["data"]["findings"]
    assert (found["verdict"], found["program"]) == ("owner", "nc")
    assert "sshd" in found["why"]


def test_a_restart_of_what_was_told_tells_nothing_more(machine: Judged) -> None:
    listener = machine.opens(8080)
    machine.later(2 * MINUTE)
    for _ in range(2):
        machine.closes(listener)
        machine.later(3 * SECOND)
        listener = machine.opens(8080)
        machine.later(13 * HOUR, HOUR)
    assert machine.told == [("begin", "new", 8080)]


def test_two_wildcards_of_one_program_are_one(machine: Judged) -> None:
    owner = process(7, name="nc")
    machine.opens(8080, address="0.0.0.0", owner=owner)
    machine.opens(8080, address="::", owner=owner)
    assert machine.later(HOUR, MINUTE).told == [("begin", "new", 8080)]


def test_the_end_is_told_once_it_has_lasted(machine: Judged) -> None:
    listener = machine.opens(8080)
    machine.later(2 * MINUTE)
    machine.closes(listener)
    machine.later(HOUR + GROUP + SECOND, 10 * SECOND)
    assert machine.told == [("begin", "new", 8080), ("end", "new", 8080)]
    (found,) = machine.findings
    assert found.ended_at is not None
    assert found.ended_at - found.at == 2 * MINUTE


def test_what_ended_before_its_beginning_was_told_is_not_told(machine: Judged) -> None:
    listener = machine.opens(8080)
    machine.later(20 * SECOND)
    machine.closes(listener)
    assert machine.later(3 * HOUR, MINUTE).told == []
    (brief,) = machine.findings
    assert (brief.kind, brief.brief_count) == ("brief", 1)


def test_a_process_that_begins_before_it_is_told_knows_why_nobody_watches(
    machine: Judged,
) -> None:
    machine.is_watched = False
    machine.later(MINUTE)
    machine.begin()
    machine.later(3 * MINUTE)
    (message,) = machine.messages
    assert "Nobody has watched since" in message["data"]["title"]


def test_402_flaps_in_an_hour_are_two_messages_at_most(machine: Judged) -> None:
    for _ in range(67):
        machine.flaps([8080] * 6, 5 * SECOND, 4 * SECOND)
        machine.later()
    assert len(machine.messages) <= 2
    assert machine.told == [("begin", "new", 8080)]
    (flapping,) = [each for each in machine.findings if each.kind == "flapping"]
    assert flapping.brief_count > 390
    machine.later(2 * DAY, HOUR)
    assert machine.told[1:] == [("end", "new", 8080)]


def test_ten_thousand_openings_of_a_millisecond_are_one_line_of_the_digest(
    machine: Judged,
) -> None:
    machine.flaps((1024 + number * 7919 % 60_000 for number in range(10_000)), 1000, 1000)
    machine.later(DAY, HOUR)
    assert machine.told == []
    lines = [line for digest in machine.digests for line in digest["data"]["findings"]]
    assert [(line["verdict"], line["brief_count"]) for line in lines] == [("brief", 10_000)]
    assert len(machine.later(2 * DAY, HOUR).digests) == 1


def test_what_is_too_mild_for_each_receiver_is_not_told_until_one_wants_it(
    machine: Judged,
) -> None:
    machine.engine.set_rules(Rules(receivers=(replace(HOOK, least="wider"),)))
    machine.rules = machine.engine.rules
    machine.opens(8080)
    machine.later(HOUR, MINUTE)
    (found,) = machine.findings
    assert (found.told_at, found.ended_at) == (None, None)
    machine.begin()
    machine.later(HOUR, MINUTE)
    assert machine.messages == []
    assert machine.engine.next_due() is None, "nothing is to be done"
    machine.engine.set_rules(Rules(receivers=(HOOK,)))
    machine.later(HOUR, MINUTE)
    assert machine.told == [("begin", "new", 8080)]


def test_the_end_of_what_nobody_was_told_is_not_told(machine: Judged) -> None:
    machine.engine.set_rules(Rules(receivers=(replace(HOOK, least="wider"),)))
    listener = machine.opens(8080)
    machine.later(HOUR, MINUTE)
    machine.closes(listener)
    machine.later(3 * HOUR, MINUTE)
    machine.engine.set_rules(Rules(receivers=(HOOK,)))
    assert machine.later(HOUR, MINUTE).told == []
    (found,) = machine.findings
    assert found.ended_at is not None


def test_an_end_that_no_receiver_wants_any_more_is_done_with(machine: Judged) -> None:
    listener = machine.opens(8080)
    machine.later(10 * MINUTE)
    machine.engine.set_rules(Rules(receivers=(replace(HOOK, least="wider"),)))
    machine.closes(listener)
    machine.later(3 * HOUR, MINUTE)
    assert machine.told == [("begin", "new", 8080)]
    (found,) = machine.findings
    assert found.end_told_at is not None, "else it is kept for ever"


def test_a_burst_is_one_message_and_the_next_waits(machine: Judged) -> None:
    for port in range(8000, 8010):
        machine.opens(port)
        machine.later(2 * SECOND)
    machine.later(2 * MINUTE)
    assert [len(each["data"]["findings"]) for each in machine.messages] == [10]
    machine.opens(9000)
    machine.later(4 * MINUTE - 21 * SECOND)
    assert len(machine.messages) == 1
    assert len(machine.later(2 * MINUTE).messages) == 2


def test_a_message_has_two_hundred_findings_at_most(machine: Judged) -> None:
    for port in range(8000, 8250):
        machine.opens(port)
    (message,) = machine.later(2 * MINUTE).messages
    assert len(message["data"]["findings"]) == 200
    assert message["data"]["more"] == 50
    machine.later(DAY, HOUR)
    assert len(machine.messages) == 1


def test_the_first_start_tells_what_is_open_in_one_message(tmp_path: Path) -> None:
    with judged(tmp_path) as machine:
        for port in (8080, 8081, 8082):
            machine.opens(port)
        machine.flaps(range(10_000, 10_300), MINUTE, SECOND)
        for table in ("cursor", "identity", "open_listener", "finding"):
            machine.connection.execute(f"DELETE FROM {table}")
        machine.begin()
        machine.later(10 * MINUTE)
        (message,) = machine.messages
        assert sorted(each["port"] for each in message["data"]["findings"]) == [8080, 8081, 8082]
        assert len(machine.findings) == 3


# What is missing.


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


# The watch itself.


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


# Owners that are learnt later.


def test_a_file_that_is_wrong_in_another_way_says_so_and_is_told_once(machine: Judged) -> None:
    for trouble in ("line 3 is wrong", "line 9 is wrong"):
        machine.engine.set_trouble("expected.toml", trouble, machine.moment)
        machine.later(10 * MINUTE)
    assert machine.told == [("begin", "settings", None)]
    assert [each.why for each in machine.findings] == ["line 9 is wrong"]
    machine.engine.set_trouble("expected.toml", "", machine.moment)
    machine.later(10 * MINUTE)
    assert machine.messages[-1]["data"]["findings"][0]["text"] == "over: line 9 is wrong"


def test_a_hidden_owner_is_in_the_digest_and_told_once_it_is_known_to_be_wrong(
    machine: Judged,
) -> None:
    machine.hides(5432, "127.0.0.2")
    machine.later(10 * MINUTE)
    assert machine.told == []
    (found,) = machine.findings
    assert (found.verdict, found.told_at) == ("unknown", None)
    machine.takes_over(5432, "nc")
    machine.later(10 * MINUTE)
    assert machine.told == [("begin", "owner", 5432)]
    assert machine.findings[0].ended_at is not None


def test_a_hidden_owner_that_turns_out_to_be_expected_tells_nothing(machine: Judged) -> None:
    machine.hides(5432, "127.0.0.2")
    machine.later(10 * MINUTE)
    machine.takes_over(5432, "postgres")
    machine.later(10 * MINUTE)
    assert machine.told == []
    assert [each.ended_at is not None for each in machine.findings] == [True]


def test_a_new_port_whose_owner_is_learnt_is_not_told_again(machine: Judged) -> None:
    machine.hides(8080)
    machine.later(10 * MINUTE)
    assert machine.told == [("begin", "new", 8080)]
    machine.takes_over(8080, "nc")
    machine.later(10 * MINUTE)
    assert machine.told == [("begin", "new", 8080)]
    (found,) = machine.findings
    assert (found.program, "nc" in found.key) == ("nc", True)


def test_an_owner_that_is_learnt_before_the_message_is_in_it(machine: Judged) -> None:
    machine.hides(8080)
    machine.later(HOLD + SECOND, SECOND)
    machine.takes_over(8080, "nc")
    (found,) = machine.later(2 * MINUTE).messages[0]["data"]["findings"]
    assert (found["program"], found["user"] != "") == ("nc", True)
    assert "hidden" not in found["text"]


def test_a_socket_that_another_program_takes_over_is_told(machine: Judged) -> None:
    machine.later(MINUTE)
    machine.takes_over(22, "nc")
    machine.later(5 * MINUTE)
    assert machine.told == [("begin", "owner", 22)]


# Accepts, silences, quiet windows.


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


# Clocks and restarts.


def test_what_waits_while_the_receivers_are_away_is_told_once_they_are_back(
    machine: Judged,
) -> None:
    machine.opens(8080)
    machine.later(HOLD + SECOND)
    machine.engine.set_rules(Rules())
    machine.later(HOUR, MINUTE)
    machine.engine.set_rules(machine.rules)
    assert machine.later(2 * MINUTE).told == [("begin", "new", 8080)]


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


def test_a_reach_that_is_learnt_later_is_judged_from_the_beginning(machine: Judged) -> None:
    machine.opens_somewhere(8080)
    machine.later(20 * SECOND)
    machine.is_placed(8080)
    machine.later(2 * MINUTE)
    assert machine.told == [("begin", "new", 8080)]
    assert machine.messages[0]["data"]["findings"][0]["exposure"] == "every interface"


def test_a_reach_that_is_learnt_after_it_was_told_is_no_news(machine: Judged) -> None:
    machine.opens_somewhere(8080)
    machine.later(5 * MINUTE)
    machine.is_placed(8080)
    machine.later(10 * MINUTE)
    assert machine.told == [("begin", "new", 8080)]
