"""`porteye export`: the history as a file, whole or not at all."""

import csv
import io
import json
import os
import pty
import re
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyarrow import parquet
from starlette.testclient import TestClient

from porteye_core.api import create_api
from porteye_core.config import Config
from porteye_core.model import Filters, Precision
from porteye_core.store.reading import EVENT, Form, open_file_reader
from porteye_core.store.writing.writer import Opening, Writer
from tests.kit.command import Command, run_command, running_command
from tests.kit.processes import bound, end
from tests.kit.seeding import Instant, grow
from tests.kit.service import PROJECT, environment
from tests.kit.values import endpoint, owned, process
from tests.kit.waiting import until

COMMAND = (sys.executable, "-m", "porteye_core.command", "export")
EVERYTHING = Filters()
# Python with a module that cannot be imported.
_WITHOUT = """
import sys
sys.modules["pyarrow"] = None
from porteye_core.command.program import main
sys.exit(main(["porteye", *sys.argv[1:]]))
"""


def records(db: Path) -> list[dict[str, object]]:
    with open_file_reader(db) as reader:
        found: list[dict[str, object]] = json.loads(
            "".join(reader.export_history(Form.JSON, EVERYTHING))
        )
    return found


OPINIONS = ["label", "note", "verdict"]
BLOCKS = """
[[expected]]
port = [80, 5432]
"""


@pytest.mark.parametrize("form", Form)
def test_a_file_is_that_of_the_api(
    seeded: Instant, porteye: Command, tmp_path: Path, form: Form
) -> None:
    target = tmp_path / f"history.{form}"
    answered = porteye("export", f"--{form}", str(target))
    assert answered.status == 0
    assert answered.out == f"Wrote 6 events to {target}.\n"
    api = create_api(Config(db=seeded.db))
    with TestClient(api, base_url="http://localhost") as client:
        assert target.read_bytes().decode() == client.get(f"/history.{form}").text
    assert list(tmp_path.glob(".*")) == []


def test_parquet_has_the_columns_of_the_other_files_with_their_types(
    seeded: Instant, porteye: Command, tmp_path: Path
) -> None:
    target = tmp_path / "history.parquet"
    seeded.db.with_name("expected.toml").write_text(BLOCKS)
    answered = porteye("export", "--parquet", str(target))
    assert (answered.status, answered.err) == (0, "")
    table = parquet.read_table(target)
    assert table.column_names == [*EVENT, *OPINIONS]
    types = {field.name: str(field.type) for field in table.schema}
    assert types["timestamp"] == "timestamp[us, tz=UTC]"
    assert {types[name] for name in ("id", "port", "pid", "listener")} == {"int64"}
    assert types["v6only"] == "bool"
    assert {types[name] for name in ("status", "process", "cmdline")} == {"string"}
    read = [
        {**row, "timestamp": row["timestamp"].astimezone(UTC).isoformat(timespec="microseconds")}
        for row in table.drop_columns(OPINIONS).to_pylist()
    ]
    assert set(table["verdict"].to_pylist()) == {"expected", "new", "wider"}
    assert read == records(seeded.db)


def test_parquet_of_more_than_a_group_has_each_event_once(
    db: Path, writer: Writer, porteye: Command, tmp_path: Path
) -> None:
    here = owned(endpoint(80), process(7))
    writer.record_changes(1, [Opening(here, at, Precision.POLL) for at in range(1, 101)])
    grow(db, 110)
    target = tmp_path / "history.parquet"
    assert porteye("export", "--parquet", str(target)).status == 0
    file = parquet.ParquetFile(target)
    sizes = [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)]
    assert sizes == [10_000, 1_100]
    ids = file.read(columns=["id"])["id"].to_pylist()
    assert ids == sorted(set(ids), reverse=True)


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["--port", "8765"], 3),
        (["--process", "nginx"], 1),
        (["--kind", "closed"], 1),
        (["--since", "40 min ago", "--until", "25 min ago"], 1),
        (["--exposure", "reachable"], 1),
        (["--port", "9"], 0),
    ],
)
@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_the_filters_are_those_of_history(
    seeded: Instant, porteye: Command, tmp_path: Path, form: str, words: list[str], count: int
) -> None:
    target = tmp_path / "history"
    answered = porteye("export", f"--{form}", str(target), *words)
    assert answered.out == f"Wrote {count} events to {target}.\n"
    if form == "csv":
        assert len(list(csv.DictReader(io.StringIO(target.read_text())))) == count
    elif form == "json":
        assert len(json.loads(target.read_text())) == count
    else:
        assert parquet.read_table(target).num_rows == count


def test_standard_output_gets_csv_and_json_alone(seeded: Instant) -> None:
    run = run_command("export", "--csv", "-", PORTEYE_DB=str(seeded.db))
    assert (run.returncode, run.stderr) == (0, "")
    assert next(csv.DictReader(io.StringIO(run.stdout)))["process"] == "python3"
    run = run_command("export", "--json", "-", PORTEYE_DB=str(seeded.db))
    assert json.loads(run.stdout) == records(seeded.db)
    run = run_command("export", "--parquet", "-", PORTEYE_DB=str(seeded.db))
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "porteye: Parquet needs a file. Give its path in place of -.\n"


def test_a_reader_that_has_enough_ends_it_quietly(seeded: Instant) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        run = subprocess.run(
            bound(*COMMAND, "--csv", "-"),
            cwd=PROJECT,
            env=environment(PORTEYE_DB=str(seeded.db)),
            stdout=write,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(write)
    assert (run.returncode, run.stderr) == (141, b"")


def test_without_pyarrow_a_sentence_says_how_to_get_it(seeded: Instant, tmp_path: Path) -> None:
    target = tmp_path / "history.parquet"
    run = subprocess.run(
        bound(sys.executable, "-c", _WITHOUT, "export", "--parquet", str(target)),
        cwd=PROJECT,
        env=environment(PORTEYE_DB=str(seeded.db)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert run.stderr.startswith("porteye: Parquet needs pyarrow, which is not installed here. ")
    assert not target.exists()


def test_a_new_file_is_of_its_owner_alone_and_one_that_is_replaced_keeps_its_mode(
    seeded: Instant, porteye: Command, tmp_path: Path
) -> None:
    new, old, linked = tmp_path / "new.csv", tmp_path / "old.csv", tmp_path / "link.csv"
    old.write_text("before")
    old.chmod(0o640)
    linked.symlink_to(old)
    assert porteye("export", "--csv", str(new)).status == 0
    assert porteye("export", "--csv", str(linked)).status == 0
    assert [stat.S_IMODE(each.stat().st_mode) for each in (new, old)] == [0o600, 0o640]
    assert linked.is_symlink()
    assert old.read_bytes() == new.read_bytes()


@pytest.mark.parametrize(
    ("target", "status", "said"),
    [
        ("{folder}", 2, "--csv {folder} is a folder. Give the path of a file in it."),
        ("", 2, f"--csv {Path.cwd()} is a folder. "),
        ("{folder}/none/x", 1, "{folder}/none/x cannot be written: No such file or directory."),
    ],
)
def test_what_cannot_be_written_is_said(
    seeded: Instant, porteye: Command, tmp_path: Path, target: str, status: int, said: str
) -> None:
    answered = porteye("export", "--csv", target.format(folder=tmp_path))
    assert (answered.status, answered.out) == (status, "")
    assert answered.err.startswith(f"porteye: {said.format(folder=tmp_path)}")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_what_is_no_file_is_written_to_and_not_replaced(seeded: Instant, porteye: Command) -> None:
    answered = porteye("export", "--csv", "/dev/full")
    assert answered.status == 1
    assert "/dev/full cannot be written: No space left on device." in answered.err
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


@pytest.mark.parametrize("number", [15, 2])
def test_a_signal_leaves_nothing_under_the_name_and_nothing_beside_it(
    seeded: Instant, tmp_path: Path, number: int
) -> None:
    """Also if it comes while SQLite asks for a title, which makes an error of it."""
    grow(seeded.db, 50_000)
    folder = tmp_path / "exports"
    folder.mkdir()
    target = folder / "history.csv"
    target.write_text("before")
    words = ("export", "--csv", str(target))
    with running_command(*words, PORTEYE_DB=str(seeded.db)) as process:
        until(lambda: len(list(folder.iterdir())) == 2, "it has begun to write")
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert [each.name for each in folder.iterdir()] == ["history.csv"]
    assert target.read_text() == "before"


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_ten_times_as_many_events_take_the_same_memory(
    seeded: Instant, tmp_path: Path, form: str
) -> None:
    peaks = []
    for more in (3_000, 9):
        grow(seeded.db, more)
        process = subprocess.Popen(
            bound(*COMMAND, f"--{form}", str(tmp_path / "history")),
            cwd=PROJECT,
            env=environment(PORTEYE_DB=str(seeded.db)),
            stdout=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        peaks.append(usage.ru_maxrss / 1024)
    assert peaks[1] < peaks[0] + 20


def test_a_terminal_sees_how_far_it_is_and_then_an_empty_line(
    seeded: Instant, tmp_path: Path
) -> None:
    grow(seeded.db, 20_000)
    own, its = pty.openpty()
    process = subprocess.Popen(
        bound(*COMMAND, "--csv", str(tmp_path / "history.csv")),
        cwd=PROJECT,
        env=environment(PORTEYE_DB=str(seeded.db), TZ="UTC"),
        stdout=subprocess.PIPE,
        stderr=its,
        text=True,
    )
    os.close(its)
    shown = b""
    try:
        while piece := _read(own):
            shown += piece
        out, _ = process.communicate(timeout=60)
    finally:
        os.close(own)
        end(process)
    assert out.startswith("Wrote 120,006 events")
    day = f"{datetime.now(UTC):%Y-}"
    first = re.search(rb"\r([\d,]+) events, back to ([\d-]+ \d\d:\d\d)", shown)
    assert first is not None
    assert first[2].decode().startswith(day)
    assert shown.rpartition(b"\r")[2] == b""


def _read(own: int) -> bytes:
    try:
        return os.read(own, 65536)
    except OSError:  # the other end is closed
        return b""


def test_control_characters_of_a_name_reach_no_terminal(
    seeded: Instant, writer_of_now: Writer
) -> None:
    odd = owned(endpoint(4444), process(9, name="a\x9bb\u202ec"))
    at = seeded.now
    writer_of_now.record_changes(at, [Opening(odd, at, Precision.POLL)])
    for form in ("csv", "json"):
        own, its = pty.openpty()
        try:
            run = subprocess.run(
                bound(*COMMAND, f"--{form}", "-", "--port", "4444"),
                cwd=PROJECT,
                env=environment(PORTEYE_DB=str(seeded.db)),
                stdout=its,
                stderr=subprocess.PIPE,
                check=False,
            )
            os.close(its)
            shown = b""
            while piece := _read(own):
                shown += piece
        finally:
            os.close(own)
        assert run.returncode == 0, run.stderr
        assert "4444" in shown.decode()
        assert not {"\x9b", "\u202e"} & set(shown.decode())


@pytest.mark.parametrize("words", [[], ["--csv"], ["--csv", "a", "--json", "b"], ["--xls", "a"]])
def test_wrong_use_is_said(porteye: Command, words: list[str]) -> None:
    answered = porteye("export", *words)
    assert (answered.status, answered.out) == (2, "")


def test_without_a_database_there_is_no_file(porteye: Command, tmp_path: Path) -> None:
    target = tmp_path / "history.csv"
    answered = porteye("export", "--csv", str(target))
    assert (answered.status, answered.out) == (3, "")
    assert answered.err.startswith("porteye: Nothing is recorded yet")
    assert not target.exists()
