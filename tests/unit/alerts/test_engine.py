"""The engine judges what the monitor stores: what it tells, and what it does not."""

from dataclasses import replace
from pathlib import Path

from porteye_core.alerts.timers import Rules
from tests.kit.judging import DAY, HOOK, HOUR, MINUTE, SECOND, Judged, judged
from tests.kit.values import process

HOLD = 30 * SECOND
GROUP = 30 * SECOND


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
