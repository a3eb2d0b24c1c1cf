"""Now in Streamlit's own test runner: its filters, groups, rows, pause and free port."""

from datetime import UTC, datetime
from typing import Any

import pytest
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest

from porteye_core.config import monitor_command
from porteye_core.model import AttributedSocket, Hidden, Precision, Socket
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Opening
from tests.kit.page import address, filters_of_now, open_page, table, texts
from tests.kit.seeding import MINUTE, NGINX, Instant
from tests.kit.values import HOST, endpoint, owned, process


@pytest.fixture
def page(seeded: Instant, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    return open_page(seeded.db, monkeypatch)


def choice(page: AppTest, label: str) -> Any:
    (found,) = (each for each in page.get("button_group") if each.proto.label == label)
    return found


def ports(page: AppTest) -> list[int]:
    return list(table(page)["port"])


def test_a_filter_shows_its_rows_and_stands_in_the_address(page: AppTest) -> None:
    choice(page, "Show").set_value("reachable").run()
    assert ports(page) == [80]
    assert address(page) == {"show": "reachable"}
    choice(page, "Show").set_value("local").run()
    assert ports(page) == [53, 5432, 8765]
    choice(page, "Show").set_value("all").run()
    assert ports(page) == [53, 80, 5432, 8765]
    assert address(page) == {}


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The viewer's day began about twelve hours ago."""
    zone = f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"  # POSIX: west of Greenwich is positive
    monkeypatch.setattr("streamlit.runtime.context.ContextProxy.timezone", property(lambda _: zone))


@pytest.mark.usefixtures("noon")
def test_what_was_there_already_is_told_apart_from_what_opened_today(page: AppTest) -> None:
    choice(page, "Show").set_value("today").run()
    assert ports(page) == [8765]
    assert "there already when PortEye began to watch" in texts(page)


def test_the_address_chooses_a_filter(seeded: Instant, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ports(open_page(seeded.db, monkeypatch, {"show": "reachable"})) == [80]


@pytest.mark.parametrize("name", ["show", "group", "rows", "of"])
@pytest.mark.parametrize("value", ["bogus", "", "<b>x</b>", "../..", "\u0661"])
def test_a_choice_of_the_address_that_there_is_not_is_none(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    page = open_page(seeded.db, monkeypatch, {name: value})
    assert ports(page) == [53, 80, 5432, 8765]
    assert name not in address(page)


def test_a_filter_without_rows_says_so(page: AppTest) -> None:
    choice(page, "Show").set_value("waiting").run()
    assert not page.dataframe
    assert "No listener is shown by this choice." in texts(page)


def test_nobody_who_does_not_watch_counts_what_opened_or_waits(
    abandoned: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(abandoned.db, monkeypatch)
    assert filters_of_now(page) == [
        "All 4",
        "Reachable 1",
        "Local 3",
        "Opened today",
        "Clients waiting",
    ]
    assert not {"cpu", "clients", "memory", "waiting"} & set(table(page))


def test_a_service_is_opened_into_its_sockets(
    abandoned: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = owned(endpoint(80, address="::"), NGINX.owner)
    with open_writer(abandoned.db, HOST, abandoned.now) as writer:
        writer.record_changes(abandoned.now, [Opening(again, abandoned.now, Precision.POLL)])
    page = open_page(abandoned.db, monkeypatch)
    assert ports(page) == [53, 80, 5432, 8765]
    assert table(page)["address"][1] == "0.0.0.0, ::"
    page.toggle(key="by_service").set_value(False).run()
    assert ports(page) == [53, 80, 80, 5432, 8765]
    assert address(page) == {"rows": "sockets"}
    page = open_page(abandoned.db, monkeypatch, {"rows": "sockets"})
    assert ports(page) == [53, 80, 80, 5432, 8765]


def test_rows_are_grouped_and_a_group_can_be_left(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(seeded.db, monkeypatch)
    choice(page, "Group by").set_value("exposure").run()
    assert sorted(table(page)["count"]) == [1, 3]
    said = {"group": "exposure", "of": "this machine only"}
    page = open_page(seeded.db, monkeypatch, said)
    assert ports(page) == [53, 5432, 8765]
    page.button(key="all_groups").click().run()
    assert sorted(table(page)["count"]) == [1, 3]
    choice(page, "Group by").set_value("nothing").run()
    assert len(ports(page)) == 4
    assert address(page) == {}


def test_a_group_that_was_clicked_opens_whatever_became_of_the_order(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(seeded.db, monkeypatch, {"group": "exposure"})
    selection = page.session_state["groups_selection"]
    drawn = selection.draws[selection.number].ids
    # The report of the browser comes with a run of the whole page.
    selection.new = drawn[list(table(page)["name"]).index("every interface")]
    page.text_input(key="port").set_value("1-5000").run()
    assert ports(page) == [80]
    assert address(page)["of"] == "every interface"


def test_a_number_that_is_both_a_port_and_its_pid_finds_one_listener(
    abandoned: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_writer(abandoned.db, HOST, abandoned.now) as writer:
        opening = Opening(owned(endpoint(4242), process(4242)), abandoned.now, Precision.POLL)
        writer.record_changes(abandoned.now, [opening])
    page = open_page(abandoned.db, monkeypatch)
    page.text_input(key="find").set_value("4242").run()
    assert not page.exception
    assert [each.label for each in page.button].count("Details") == 1


def test_a_view_that_is_paused_shows_what_was_until_it_goes_on(
    abandoned: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_writer(abandoned.db, HOST, abandoned.now) as writer:
        page = open_page(abandoned.db, monkeypatch)
        page.button(key="pause").click().run()
        assert "Paused: this is what listened at" in texts(page)
        assert page.button(key="pause").label == "Paused"
        opening = Opening(owned(endpoint(9), process(9)), abandoned.now, Precision.POLL)
        writer.record_changes(abandoned.now, [opening])
        assert 9 not in ports(page.run())
        page.text_input(key="port").set_value("9, 80").run()  # what nobody has kept of then
        assert ports(page) == [9, 80]
        page.text_input(key="port").set_value("").run()
        page.button(key="pause").click().run()
        assert 9 in ports(page)
        assert "Paused" not in texts(page)


def test_a_free_port_is_found_when_the_options_are_opened(page: AppTest) -> None:
    assert not page.code
    page.session_state["view_options"] = True
    page.run()
    found = int(page.code[0].value)
    assert 1024 <= found < 32768
    assert found not in (5432, 8765)
    assert "No listener has used it since" in texts(page)
    assert int(page.run().code[0].value) == found  # a refresh lets it be
    page.button(key="another_free_port").click().run()
    assert int(page.code[0].value) != found


def test_what_needs_root_is_told_with_a_command(
    abandoned: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "needs root" not in texts(open_page(abandoned.db, monkeypatch))
    hidden = AttributedSocket(Socket(endpoint(22)), hidden=Hidden.PRIVILEGE, user="root")
    with open_writer(abandoned.db, HOST, abandoned.now) as writer:
        writer.record_changes(abandoned.now, [Opening(hidden, abandoned.now, Precision.POLL)])
    page = open_page(abandoned.db, monkeypatch)
    assert "1 owner needs root." in texts(page)
    assert monitor_command(abandoned.db) in [each.value for each in page.code]
    assert table(page)["program"].iloc[0] == "needs root"


def test_changes_since_the_last_visit_are_told_and_lead_on(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (seeded.now - 15 * MINUTE) // 1000
    monkeypatch.setattr(ContextProxy, "cookies", {"porteye_seen_": str(before)})
    page = open_page(seeded.db, monkeypatch)
    (told,) = (each for each in page.button if str(each.key).startswith("change_"))
    assert "8765 http.server" in told.label
    assert "opened" in told.label
    told.click().run()
    assert address(page)["listener"] == str(told.key).rpartition("_")[2]
    page.button(key="seen").click().run()
    assert "Nothing has changed since you last looked" in texts(page)


def test_a_browser_that_comes_for_the_first_time_is_told_nothing(page: AppTest) -> None:
    assert "you last looked" not in texts(page)


def test_a_quiet_visit_is_told_in_one_calm_line(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ContextProxy, "cookies", {"porteye_seen_": str(seeded.now // 1000)})
    page = open_page(seeded.db, monkeypatch)
    assert "Nothing has changed since you last looked" in texts(page)


_BLOCKS = """
[[expected]]
port = 80
program = "nginx"

[[expected]]
port = 5432
program = "postgres"
label = "Database"

[[expected]]
port = 22
unit = "ssh.service"
always = true
"""


@pytest.fixture
def judged(seeded: Instant, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    seeded.db.with_name("expected.toml").write_text(_BLOCKS)
    return open_page(seeded.db, monkeypatch)


def verdicts(page: AppTest) -> list[str]:
    return [each[0] for each in table(page)["verdict"]]


def test_without_a_file_of_expected_ports_there_is_no_verdict(page: AppTest) -> None:
    assert "verdict" not in table(page)
    assert "Verdict" not in [each.proto.label for each in page.get("button_group")]


def test_each_service_has_its_verdict_and_what_waits_is_counted(judged: AppTest) -> None:
    assert ports(judged) == [53, 80, 5432, 8765]
    assert verdicts(judged) == ["new", "wider", "expected", "new"]
    labels = [each.content for each in choice(judged, "Verdict").proto.options]
    assert labels == ["3 not expected", "1 expected"]
    said = texts(judged).replace("\\", "")
    assert "**Missing** 22/tcp ssh.service (line 11 always expects it)." in said


def test_the_number_that_waits_sets_the_filter_which_the_address_keeps(
    judged: AppTest, seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice(judged, "Verdict").set_value("unexpected").run()
    assert ports(judged) == [53, 80, 8765]
    assert address(judged) == {"verdict": "unexpected"}
    choice(judged, "Verdict").set_value(None).run()
    assert ports(judged) == [53, 80, 5432, 8765]
    assert address(judged) == {}
    again = open_page(seeded.db, monkeypatch, {"verdict": "wider"})
    assert ports(again) == [80]
    assert address(again) == {"verdict": "wider"}


def test_a_wrong_file_is_said_with_its_line_and_the_page_goes_on(
    judged: AppTest, seeded: Instant
) -> None:
    seeded.db.with_name("expected.toml").write_text("[[expected]]\nprot = 22\n")
    judged.run()
    said = judged.warning[0].value.replace("\\", "")
    assert "expected.toml, line 2" in said
    assert "last good file" in said
    assert verdicts(judged) == ["new", "wider", "expected", "new"]


def test_a_wrong_file_from_the_start_judges_nothing(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded.db.with_name("expected.toml").write_text("[[expected]]\nprot = 22\n")
    page = open_page(seeded.db, monkeypatch)
    assert "Nothing is judged" in page.warning[0].value.replace("\\", "")
    assert ports(page) == [53, 80, 5432, 8765]
    assert "verdict" not in table(page)
