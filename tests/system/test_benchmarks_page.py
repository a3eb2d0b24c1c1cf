"""Each view's script is timed, and a view that fails is said."""

import argparse
import sys
from pathlib import Path

import pytest

from benchmarks import page
from benchmarks.page import Rerun, rerun
from benchmarks.seed import seed
from benchmarks.seeding.scale import Scale

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the loads are Linux processes")


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("PORTEYE_DB", "PORTEYE_MONITOR"):  # set by each run, and put back here
        monkeypatch.setenv(name, "")
    path = tmp_path / "seeded.db"
    seed(path, Scale(days=3, listeners=20, events=400, seed=7, sample_days=0.1))
    return path


def options(db: Path, *more: str) -> argparse.Namespace:
    flags = argparse.ArgumentParser()
    page.add_flags(flags)
    return flags.parse_args(["--db", str(db), "--range", "24h", "--visits", "0", *more])


def test_every_view_is_run_again_by_the_wall_and_the_processor(db: Path) -> None:
    (table,) = page.run(options(db, "--rounds", "2")).tables
    assert [row[0] for row in table.rows] == [
        *("now", "listener", "timeline", "history", "monitor"),
        *("now, all anew", "timeline, all anew"),
    ]
    assert len(table.columns) == len(table.rows[0]) == 6
    for _view, *times in table.rows:
        assert all(isinstance(each, float) and each > 0 for each in times)


def test_of_twenty_reruns_the_slowest_does_not_count() -> None:
    assert Rerun("now", 1.0, [float(each) for each in range(1, 21)], []).p95 == 19


def test_a_view_that_fails_is_said_and_not_timed(
    db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "streamlit_app.py").write_text("raise ValueError('nothing to see')")
    monkeypatch.setattr(page, "PROJECT", tmp_path)
    with pytest.raises(RuntimeError, match=r"^The view now failed: "):
        rerun(db, "now", "24h", rounds=1)
