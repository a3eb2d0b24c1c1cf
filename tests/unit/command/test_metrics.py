"""`porteye metrics`: to a terminal, and as a file for the collector of node_exporter."""

import os
import stat
import sys
import threading
import time
from pathlib import Path

import pytest

from porteye_core.metrics.exposition import Form
from porteye_core.model import Precision
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Opening
from tests.kit.command import Command, run_command
from tests.kit.old_database import old_database
from tests.kit.prometheus import parsed
from tests.kit.recording import Made, Renamed, Synced, Written, record, why_not
from tests.kit.seeding import PLAN, Instant
from tests.kit.values import HOST, endpoint, owned, process

LISTENERS = "porteye_listeners{"


def names(text: str) -> set[str]:
    return {each.name for each in parsed(text, Form.TEXT)}


def test_the_older_format_goes_to_standard_output(seeded: Instant, porteye: Command) -> None:
    answered = porteye("metrics")
    assert (answered.status, answered.err) == (0, "")
    assert {"porteye_up", "porteye_listeners", "porteye_events"} <= names(answered.out)
    assert "\nporteye_up 1\n" in answered.out
    assert "# EOF" not in answered.out


def test_a_textfile_is_readable_by_the_collector_and_replaces_the_one_before(
    seeded: Instant, porteye: Command, tmp_path: Path
) -> None:
    file = tmp_path / "collected" / "porteye.prom"
    file.parent.mkdir()
    file.write_text("porteye_up 7\n")
    before = file.stat().st_ino
    mask = os.umask(0o077)  # as services and careful users have it
    try:
        answered = porteye("metrics", "--textfile", str(file))
    finally:
        os.umask(mask)
    assert (answered.status, answered.out, answered.err) == (0, "", "")
    assert "\nporteye_up 1\n" in file.read_text()
    assert file.stat().st_ino != before
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert [each.name for each in file.parent.iterdir()] == ["porteye.prom"]


def test_a_reader_never_finds_a_part_of_a_textfile(
    seeded: Instant, porteye: Command, tmp_path: Path
) -> None:
    file = tmp_path / "porteye.prom"
    porteye("metrics", "--textfile", str(file))
    partial, done = list[str](), threading.Event()

    def read() -> None:
        while not done.is_set():
            text = file.read_text()
            if "porteye_lost_records_total" not in text:
                partial.append(text)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(30):
            assert porteye("metrics", "--textfile", str(file)).status == 0
    finally:
        done.set()
        reader.join()
    assert partial == []


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "strace is here")
def test_a_textfile_is_on_the_disk_before_it_has_its_name(
    abandoned: Instant, tmp_path: Path
) -> None:
    folder, trace = tmp_path / "collected", tmp_path / "trace"
    folder.mkdir()
    words = ("metrics", "--db", str(abandoned.db), "--textfile", str(folder / "porteye.prom"))
    calls = record(folder, trace, "porteye_core.command", *words)
    made, *written, synced, renamed, of_folder = calls
    assert isinstance(made, Made)
    assert made.name.startswith(".porteye.prom.")
    assert not made.name.endswith(".prom")
    assert {type(each) for each in written} == {Written}
    assert synced == Synced(made.name)
    assert renamed == Renamed(made.name, "porteye.prom")
    assert of_folder == Synced("")


def test_a_database_that_cannot_be_read_leaves_no_stale_listeners_in_the_file(
    db: Path, porteye: Command, tmp_path: Path
) -> None:
    old_database(db, 3)
    file = tmp_path / "porteye.prom"
    file.write_text(f"{LISTENERS}}} 1\n")
    answered = porteye("metrics", "--textfile", str(file))
    assert answered.status == 3
    assert "schema 3" in answered.err
    assert "\nporteye_up 0\n" in file.read_text()
    assert LISTENERS not in file.read_text()
    answered = porteye("metrics")
    assert (answered.status, answered.out) == (3, "")


@pytest.mark.parametrize(
    ("place", "status"),
    [("{}/none/porteye.prom", 1), ("{}/folder", 2), ("{}/\0", 2), ("~nobodys/x.prom", 2)],
)
def test_a_place_that_cannot_be_written_is_a_sentence(
    seeded: Instant, porteye: Command, tmp_path: Path, place: str, status: int
) -> None:
    (tmp_path / "folder").mkdir()
    answered = porteye("metrics", "--textfile", place.format(tmp_path))
    assert answered.status == status
    assert answered.err.count("\n") == 1
    assert answered.err.startswith("porteye: ")
    assert list((tmp_path / "folder").iterdir()) == []
    assert not [each for each in tmp_path.iterdir() if each.name.endswith(".part")]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
def test_what_is_no_plain_file_is_not_replaced(
    seeded: Instant, porteye: Command, tmp_path: Path
) -> None:
    fifo = tmp_path / "porteye.prom"
    os.mkfifo(fifo)
    answered = porteye("metrics", "--textfile", str(fifo))
    assert (answered.status, stat.S_ISFIFO(fifo.stat().st_mode)) == (1, True)
    assert "no plain file" in answered.err


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_is_replaced_and_what_it_names_stays(
    seeded: Instant, porteye: Command, tmp_path: Path
) -> None:
    other, link = tmp_path / "other", tmp_path / "porteye.prom"
    other.write_text("precious")
    link.symlink_to(other)
    assert porteye("metrics", "--textfile", str(link)).status == 0
    assert other.read_text() == "precious"
    assert not link.is_symlink()


def test_a_textfile_has_fewer_label_sets_unless_more_are_wanted(
    db: Path, porteye: Command, tmp_path: Path
) -> None:
    now, file = time.time_ns() // 1000, tmp_path / "porteye.prom"
    with open_writer(db, HOST, now) as writer:
        writer.begin_watch(now, PLAN)
        writer.record_changes(
            now,
            [
                Opening(owned(endpoint(port), process()), now, Precision.POLL)
                for port in range(1, 3001)
            ],
        )
        for words, count in (((), 500), (("--limit", "700"), 700)):
            assert porteye("metrics", "--textfile", str(file), *words).status == 0
            assert file.read_text().count(LISTENERS) == count
        assert porteye("metrics").out.count(LISTENERS) == 2000
        assert f"porteye_series_left_out {3000 - 1999}" in porteye("metrics").out
    assert "default: 500" in " ".join(porteye("metrics", "--help").out.split())


@pytest.mark.parametrize("limit", ["0", "15", "2001", "many", "-1"])
def test_a_limit_that_cannot_be_used_is_refused(porteye: Command, limit: str) -> None:
    answered = porteye("metrics", f"--limit={limit}")
    assert (answered.status, answered.out) == (2, "")
    assert "16 to 2000" in answered.err


def test_it_runs_as_a_command(abandoned: Instant) -> None:
    done = run_command("metrics", "--db", str(abandoned.db))
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nporteye_up 0\n" in done.stdout
