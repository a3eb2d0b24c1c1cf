"""A power cut at any moment damages nothing, and loses nothing that was acknowledged."""

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from porteye_core.store.writing.startup import open_writer
from tests.kit.churn import contradictions, damage, lost
from tests.kit.disk import Disk
from tests.kit.recording import Call, Removed, Synced, Written, record, why_not
from tests.kit.seeding import PLAN
from tests.kit.values import HOST, by_id

_WHY_NOT = why_not()
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(bool(_WHY_NOT), reason=_WHY_NOT or "can record"),
]
DB, ACKNOWLEDGED = "porteye.db", "acknowledged"
REOPENED = 50  # of so many cuts one is followed by a new writer


@dataclass(frozen=True, slots=True)
class Cut:
    """What the disk had when the power was back, and what the writer had acknowledged before."""

    files: dict[str, bytes]
    acknowledged: tuple[str, ...]


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    """What the writer does to its files in two sessions."""
    return recorded(tmp_path_factory.mktemp("full"), "FULL")


def recorded(place: Path, synchronous: str) -> list[Call]:
    folder = place / "data"
    folder.mkdir()
    arguments = (str(folder / DB), str(folder / ACKNOWLEDGED), synchronous)
    return record(folder, place / "trace", "tests.kit.churning_writer", *arguments)


def cuts(calls: list[Call], count: int, lies: int = 0) -> Iterator[Cut]:
    """The power cut at so many moments of the recording, each once."""
    chance, disk = Random(count), Disk(lies)
    acknowledged: list[str] = []
    done = 0
    for moment in sorted(chance.choices(range(1, len(calls) + 1), k=count)):
        for call in calls[done:moment]:
            if call.name == ACKNOWLEDGED:
                acknowledged += [call.data.decode()] if isinstance(call, Written) else []
            elif not call.name.endswith(("-shm", ".lock")):
                disk.do(call)
        done = moment
        yield Cut(disk.after_the_cut(chance), tuple(acknowledged))


def outcome(cut: Cut, folder: Path) -> str:
    """ "", "damaged" or "lost": what SQLite makes of these files."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in cut.files.items():
        (folder / name).write_bytes(content)
    connection = sqlite3.connect(folder / DB, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        if damage(connection):
            return "damaged"
        if not cut.acknowledged:
            return ""
        if contradictions(connection):
            return "damaged"
        return "lost" if lost(connection, cut.acknowledged) else ""
    except sqlite3.DatabaseError:
        return "damaged"
    finally:
        connection.close()


def test_the_recording_has_checkpoints_and_a_new_log(calls: list[Call]) -> None:
    said = [at for at, call in enumerate(calls) if call.name == ACKNOWLEDGED]
    back = [at for at, call in enumerate(calls) if isinstance(call, Written) and call.name == DB]
    assert sum(said[0] < at < said[-1] for at in back) > 100
    assert sum(isinstance(call, Removed) and call.name == f"{DB}-wal" for call in calls) == 2


def test_a_thousand_power_cuts_damage_and_lose_nothing(calls: list[Call], tmp_path: Path) -> None:
    folder = tmp_path / "back"
    for number, cut in enumerate(cuts(calls, 1_000)):
        assert outcome(cut, folder) == "", f"cut {number}"
        if number % REOPENED == 0 and cut.acknowledged:
            with open_writer(folder / DB, HOST, 1) as writer:
                assert writer.open_listeners(by_id)
                writer.begin_watch(1, PLAN)


def test_a_disk_that_only_says_that_it_synchronizes_shows_damage_or_loss(
    calls: list[Call], tmp_path: Path
) -> None:
    """Else the cuts above would prove nothing."""
    outcomes = [outcome(cut, tmp_path / "back") for cut in cuts(calls, 100, lies=50)]
    print(f"\nlying disk, 100 cuts: {figures(outcomes)}")
    assert outcomes.count("") < 50


def test_synchronizing_less_damages_nothing_either_and_what_it_loses_is_told(
    calls: list[Call], tmp_path: Path
) -> None:
    """The figure behind `synchronous = FULL`."""
    fewer = recorded(tmp_path, "NORMAL")
    assert syncs(fewer) < syncs(calls) / 2
    outcomes = [outcome(cut, tmp_path / "back") for cut in cuts(fewer, 200)]
    print(f"\nNORMAL, 200 cuts: {figures(outcomes)}")
    assert "damaged" not in outcomes


def syncs(calls: list[Call]) -> int:
    return sum(isinstance(call, Synced) for call in calls)


def figures(outcomes: list[str]) -> str:
    return f"{outcomes.count('damaged')} damaged, {outcomes.count('lost')} lost something"
