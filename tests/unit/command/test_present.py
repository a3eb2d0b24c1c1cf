"""What is known of the present, in every state of the monitor."""

import tempfile
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from porteye_core.command.present import CannotSay, present, stale
from porteye_core.model import Watch, WatchPlan
from porteye_core.store.reading import State, Status
from tests.kit.command import timeless
from tests.kit.seeding import Instant
from tests.kit.values import SECOND

UTC = ZoneInfo("UTC")
NOW = 1_700_000_000 * SECOND
WATCH = Watch(1, NOW - 900 * SECOND, NOW - 600 * SECOND, None, WatchPlan("portable", 1, 1))


@pytest.mark.parametrize(
    ("state", "watch", "sentence"),
    [
        (State.NEVER, None, "No monitor has watched yet."),
        (State.STARTING, None, "The monitor is starting and has not scanned yet."),
        (State.STARTING, WATCH, "The monitor is starting and has not scanned yet."),
        (State.HOLDING, None, "The monitor cannot write: nothing is stored yet."),
        (State.HOLDING, WATCH, "The monitor cannot write: what is stored is of CLOCK."),
        (State.STALLED, WATCH, "The monitor cannot scan: what is stored is of CLOCK."),
        (
            State.STOPPED,
            WATCH,
            "No monitor watches: it ended abruptly CLOCK, and nothing is recorded since.",
        ),
        (
            State.STOPPED,
            replace(WATCH, stopped_at=NOW),
            "No monitor watches: it was stopped CLOCK, and nothing is recorded since.",
        ),
    ],
)
def test_each_state_has_its_sentence(state: State, watch: Watch | None, sentence: str) -> None:
    assert timeless(stale(Status(state, None, watch), NOW, UTC)) == sentence


def test_what_is_stored_is_the_present_while_a_monitor_watches(seeded: Instant) -> None:
    with present(seeded.db, seeded.now, UTC) as known:
        assert known.now is known.past
        assert (known.is_scan, known.note, known.at) == (False, "", seeded.now)


def test_a_look_leaves_no_file(db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with present(db, NOW, UTC) as known:
        assert known.is_scan
        assert known.past is None
        assert list(tmp_path.iterdir()) != []
    assert list(tmp_path.iterdir()) == []


def test_a_look_that_has_no_room_says_so(
    db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(CannotSay, match="no file can be made in"), present(db, NOW, UTC):
        pass
