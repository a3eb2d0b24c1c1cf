"""The dialog that stops a process: what it offers, what has to be typed, and what it does."""

import signal
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from porteye_core import stopping
from porteye_core.errors import StopError
from porteye_core.model import Protocol
from porteye_core.stopping import By, Journal, Offer, Outcome, Refusal, Target, Unit
from porteye_core.ui import notebook, stop_dialog
from tests.kit.page import open_page, switch, texts
from tests.kit.seeding import Instant

TARGET = Target(1, 100, 5, 0, 4711, Protocol.TCP, 80, "nginx")
UNIT = Unit("nginx.service")


class Stopped:
    """What was stopped, and by what, instead of stopping it."""

    def __init__(self) -> None:
        self.by: list[By] = []
        self.outcome = Outcome("nginx (pid 100) has ended.")
        self.error: StopError | None = None

    def stop(self, target: Target, by: By, _monitor: int | None, _journal: Journal) -> Outcome:
        assert target == TARGET
        self.by.append(by)
        if self.error:
            raise self.error
        return self.outcome


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> Stopped:
    done = Stopped()
    monkeypatch.setenv("PORTEYE_STOP", "on")
    monkeypatch.setenv("PORTEYE_TOKEN", "correct-horse-battery-staple")
    monkeypatch.setattr(notebook, "author", lambda _access: "ann")
    monkeypatch.setattr(stop_dialog, "target_of", lambda _reader, _life: TARGET)
    monkeypatch.setattr(stopping, "unavailable", lambda: "")
    monkeypatch.setattr(stopping, "offer", lambda _target, _monitor: Offer(unit=UNIT))
    monkeypatch.setattr(stopping, "stop", done.stop)
    return done


def ask(db: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """Open the dialog of nginx from its story."""
    page = switch(open_page(db, monkeypatch, {"listener": "1"}), "listener")
    (button,) = (each for each in page.button if each.label == "Stop it here")
    button.click().run()
    assert not page.exception
    return page


def confirm(page: AppTest, typed: str) -> None:
    (field,) = (each for each in page.text_input if each.label.startswith("Type the port"))
    field.set_value(typed)
    press(page, "Stop")


def plain(markdown: str) -> str:
    """A text without what keeps it from being markup."""
    return markdown.replace("\\", "").replace("\u2060", "")


def said(page: AppTest) -> str:
    return plain(texts(page))


def press(page: AppTest, label: str) -> None:
    (button,) = (each for each in page.button if each.label == label)
    button.click().run()
    assert not page.exception


def test_a_process_of_a_unit_is_stopped_as_its_viewer_chooses(
    seeded: Instant, stopped: Stopped, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ask(seeded.db, monkeypatch)
    (choice,) = page.radio
    assert list(map(plain, choice.options)) == [
        "Stop the unit nginx.service",
        "Stop nginx (pid 100) alone",
    ]
    choice.set_value("unit")
    confirm(page, "80")
    assert stopped.by == [UNIT]
    assert "nginx (pid 100) has ended." in said(page)
    press(page, "Done")
    assert not page.radio


def test_nothing_is_done_until_the_port_is_typed(
    seeded: Instant, stopped: Stopped, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ask(seeded.db, monkeypatch)
    confirm(page, " ")
    assert "The port was not typed. Nothing was done." in said(page)
    for typed in ("8080", "80 81"):
        confirm(page, typed)
        assert "is not the port, 80. Nothing was done." in said(page)
    assert stopped.by == []
    confirm(page, " 80 ")
    assert stopped.by == [signal.SIGTERM]  # no unit is known of it: it is stopped alone first


def test_sigkill_is_a_second_question(
    seeded: Instant, stopped: Stopped, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ask(seeded.db, monkeypatch)
    assert "Kill it" not in [each.label for each in page.button]
    stopped.outcome = Outcome("nginx (pid 100) still runs 5 s after SIGTERM.", may_kill=True)
    confirm(page, "80")
    assert "SIGKILL ends it at once." in said(page)
    stopped.outcome = Outcome("nginx (pid 100) has ended.")
    press(page, "Kill it")
    assert stopped.by == [signal.SIGTERM, signal.SIGKILL]
    assert "Kill it" not in [each.label for each in page.button]


def test_what_is_refused_when_it_is_done_is_said(
    seeded: Instant, stopped: Stopped, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ask(seeded.db, monkeypatch)
    stopped.error = StopError("nginx (pid 100) does not hold this socket any more.")
    confirm(page, "80")
    assert "Nothing was done. nginx (pid 100) does not hold this socket" in said(page)


def test_what_is_refused_before_has_no_field_and_the_command_to_run(
    seeded: Instant, stopped: Stopped, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = Offer(Refusal("It is another user's.", "sudo kill 100"))
    monkeypatch.setattr(stopping, "offer", lambda _target, _monitor: offer)
    page = ask(seeded.db, monkeypatch)
    assert "It cannot be stopped from here. It is another user's." in said(page)
    assert "sudo kill 100" in [each.value for each in page.code]
    assert not [each for each in page.text_input if each.label.startswith("Type the port")]


def test_where_stopping_is_not_possible_the_reason_is_said(
    seeded: Instant, stopped: Stopped, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "unavailable", lambda: "Stopping needs Linux.")
    page = switch(open_page(seeded.db, monkeypatch, {"listener": "1"}), "listener")
    assert "Stopping needs Linux." in said(page)
    assert "Stop it here" not in [each.label for each in page.button]
