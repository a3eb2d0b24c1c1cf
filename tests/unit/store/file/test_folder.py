"""Files of root in folders where other users may exchange names: none of them leads elsewhere."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from porteye_core.errors import StoreError
from porteye_core.model import Precision
from porteye_core.store.file import lock
from porteye_core.store.file.backup import back_up
from porteye_core.store.file.folder import Folder
from porteye_core.store.file.sudo_caller import caller, callers_group
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Opening, Writer
from tests.kit.rights import posix, root
from tests.kit.service import PROJECT, monitor, run_service
from tests.kit.values import HOST, endpoint, owned

pytestmark = [posix, root]
STRANGER, OTHER = 12345, 12346


@pytest.fixture
def theirs(open_folder: Path) -> Path:
    """A folder of another user."""
    folder = open_folder / "theirs"
    folder.mkdir(mode=0o755)
    os.chown(folder, STRANGER, STRANGER)
    return folder


@pytest.fixture
def secret(open_folder: Path) -> Path:
    """A database of root's in root's own folder, which no other user may enter."""
    folder = open_folder / "secret"
    folder.mkdir(mode=0o700)
    with open_writer(folder / "porteye.db", HOST, 1):
        pass
    return folder / "porteye.db"


def owners(folder: Path, name: str) -> set[tuple[int, int]]:
    found = [each.lstat() for each in folder.iterdir() if each.name.startswith(name)]
    return {(each.st_uid, stat.S_IMODE(each.st_mode)) for each in found}


def record(writer: Writer, port: int = 80) -> None:
    writer.record_changes(5, [Opening(owned(endpoint(port)), 5, Precision.POLL)])


def test_in_a_folder_of_another_user_every_file_is_that_users(theirs: Path) -> None:
    db = theirs / "porteye.db"
    with open_writer(db, HOST, 1) as writer:
        record(writer)
        assert {each.name for each in theirs.iterdir()} >= {f"{db.name}-wal", f"{db.name}-shm"}
        assert owners(theirs, db.name) == {(STRANGER, 0o600)}
        assert (os.geteuid(), os.getegid(), os.getgroups()) == (0, 0, os.getgroups())
    assert {each.name for each in theirs.iterdir()} == {db.name, f"{db.name}.lock"}


def test_a_real_monitor_watches_there_and_sets_aside_there(theirs: Path) -> None:
    db = theirs / "porteye.db"
    with monitor(db):
        assert owners(theirs, db.name) == {(STRANGER, 0o600)}
    with db.open("r+b") as file:
        file.seek(100)
        file.write(b"\xa5" * 50_000)
    with monitor(db) as process:
        process.terminate()
        process.communicate(timeout=120)
    assert process.returncode == 0
    assert any(".corrupt-" in each.name for each in theirs.iterdir())
    assert owners(theirs, db.name) == {(STRANGER, 0o600)}


@pytest.mark.parametrize("suffix", ["", ".lock", "-wal", "-shm"])
def test_a_link_that_is_put_there_reaches_nothing_of_roots(
    theirs: Path, secret: Path, suffix: str
) -> None:
    before = secret.read_bytes()
    (theirs / f"porteye.db{suffix}").symlink_to(secret)
    with pytest.raises(StoreError), open_writer(theirs / "porteye.db", HOST, 1):
        pass
    assert secret.read_bytes() == before
    assert os.geteuid() == 0


@pytest.mark.parametrize("name", ["the database", "the folder"])
def test_a_name_that_is_exchanged_before_sqlite_opens_it_reaches_nothing_of_roots(
    theirs: Path, secret: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before, connect = secret.read_bytes(), sqlite3.connect
    db = theirs / "porteye.db"

    def exchange(*given: object, **more: object) -> sqlite3.Connection:
        if name == "the database":
            db.unlink()
            db.symlink_to(secret)
        else:
            theirs.rename(theirs.with_name("moved"))
            theirs.symlink_to(secret.parent)
        monkeypatch.undo()
        return connect(*given, **more)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(sqlite3, "connect", exchange)
    with pytest.raises(StoreError), open_writer(db, HOST, 1) as writer:
        record(writer)
    assert secret.read_bytes() == before
    assert [each.name for each in secret.parent.iterdir() if "lock" not in each.name] == [
        "porteye.db"
    ]


def test_a_folder_of_roots_below_a_strangers_is_refused(theirs: Path) -> None:
    (theirs / "roots").mkdir(mode=0o755)
    with (
        pytest.raises(StoreError, match=f"rights of the user {STRANGER}"),
        open_writer(theirs / "roots" / "porteye.db", HOST, 1),
    ):
        pass
    assert list((theirs / "roots").iterdir()) == []


def test_a_folder_that_everybody_may_exchange_is_refused(open_folder: Path) -> None:
    open_folder.chmod(0o777)
    (open_folder / "roots").mkdir(mode=0o755)
    for folder in (open_folder, open_folder / "roots"):
        with (
            pytest.raises(StoreError, match="Other users may exchange files in"),
            open_writer(folder / "porteye.db", HOST, 1),
        ):
            pass


def test_a_folder_on_a_way_through_several_users_is_refused(theirs: Path) -> None:
    (theirs / "inner").mkdir()
    os.chown(theirs / "inner", OTHER, OTHER)
    with (
        pytest.raises(StoreError, match="Several users"),
        open_writer(theirs / "inner" / "porteye.db", HOST, 1),
    ):
        pass


def test_a_way_through_a_link_is_looked_at_from_both_ends(theirs: Path, open_folder: Path) -> None:
    (open_folder / "link").symlink_to(theirs)
    assert Folder.of(open_folder / "link").strangers == {STRANGER}
    (theirs / "back").symlink_to(open_folder / "roots")
    (open_folder / "roots").mkdir()
    assert Folder.of(theirs / "back").strangers == {STRANGER}
    assert Folder.of(open_folder / "roots").is_own


@pytest.mark.parametrize("suffix", ["", ".lock", "-wal", "-shm", "-journal"])
def test_in_a_folder_like_tmp_a_file_that_another_user_put_there_is_refused(
    open_folder: Path, suffix: str
) -> None:
    planted = open_folder / f"porteye.db{suffix}"
    planted.touch(0o666)
    os.chown(planted, STRANGER, STRANGER)
    with (
        pytest.raises(StoreError, match=f"belongs to the user {STRANGER}"),
        open_writer(open_folder / "porteye.db", HOST, 1),
    ):
        pass
    assert planted.read_bytes() == b""


def test_sqlite_opens_no_log_that_another_user_could_have_put_there(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, connect = open_folder / "porteye.db", sqlite3.connect
    found: list[list[str]] = []

    def look(*given: object, **more: object) -> sqlite3.Connection:
        if given[0] == db:
            found.append(sorted(each.name for each in open_folder.iterdir()))
            assert owners(open_folder, db.name) == {(0, 0o600)}
        return connect(*given, **more)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(sqlite3, "connect", look)
    for _ in range(2):
        with open_writer(db, HOST, 1):
            pass
    alone = [db.name, f"{db.name}.lock"]
    assert found == [alone, *[[db.name, f"{db.name}-shm", f"{db.name}-wal", f"{db.name}.lock"]] * 2]


def test_a_log_that_was_open_to_others_is_closed_to_them(db: Path) -> None:
    log = db.with_name(f"{db.name}-wal")
    log.touch()
    log.chmod(0o666)
    with open_writer(db, HOST, 1) as writer:
        record(writer)
        assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_in_a_folder_like_tmp_sudo_makes_files_as_the_caller(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", str(STRANGER))
    for _ in range(2):
        with open_writer(open_folder / "porteye.db", HOST, 1) as writer:
            record(writer)
            assert owners(open_folder, "porteye.db") == {(STRANGER, 0o600)}


@pytest.mark.parametrize("odd", ["", "0", "-1", "x", "١٢", "4294967295", "9" * 40, "1 "])
def test_odd_variables_of_sudo_give_nothing_away(
    db: Path, monkeypatch: pytest.MonkeyPatch, odd: str
) -> None:
    monkeypatch.setenv("SUDO_UID", odd)
    with open_writer(db, HOST, 1):
        assert {uid for uid, _ in owners(db.parent, db.name)} == {0}
    monkeypatch.setenv("SUDO_UID", str(STRANGER))
    monkeypatch.setenv("SUDO_GID", odd)
    with open_writer(db, HOST, 1):
        assert db.stat().st_uid == STRANGER
    assert caller({"SUDO_UID": odd}) is None
    assert callers_group({"SUDO_GID": odd}) in (0, -1)


SWAP = """
import ctypes, os, sys
folder, victim, ending, once = sys.argv[1:]
os.setgroups([]); os.setgid(12345); os.setuid(12345); os.chdir(folder)
os.symlink(victim, "link")
print("ready", flush=True)
exchange = ctypes.CDLL(None).renameat2
done = set()
while True:
    for name in os.listdir("."):
        if name.endswith(ending) and name not in done:
            done.update([name] if once == "once" else [])
            exchange(-100, b"link", -100, name.encode(), 2)
"""


@contextmanager
def swapping(folder: Path, victim: Path, ending: str, often: str) -> Iterator[None]:
    """While the block runs the folder's owner exchanges each file of this ending for a link, once
    or again and again."""
    process = subprocess.Popen(
        [sys.executable, "-c", SWAP, str(folder), str(victim), ending, often],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="renameat2 is Linux's")
def test_a_backup_into_a_folder_of_another_user_writes_to_no_other_file(
    theirs: Path, secret: Path, db: Path
) -> None:
    with open_writer(db, HOST, 1) as writer:
        for port in range(1, 200):
            record(writer, port)
    before, done = secret.read_bytes(), 0
    for number in range(10):
        # A copy that somebody exchanged is said to be none.
        with swapping(theirs, secret, ".part", "once"), suppress(StoreError):
            back_up(db, theirs / f"{number}.db")
            done += 1
        (theirs / "link").unlink(missing_ok=True)
        assert secret.read_bytes() == before
    assert os.geteuid() == 0
    print(f"\n{done} of 10 backups done")


@pytest.mark.skipif(sys.platform != "linux", reason="renameat2 is Linux's")
def test_a_monitor_whose_database_is_exchanged_again_and_again_writes_to_no_other_file(
    theirs: Path, secret: Path
) -> None:
    before = secret.read_bytes()
    for _ in range(4):
        with swapping(theirs, secret, "x.db", "often"):
            done = run_service("--db", str(theirs / "x.db"), "--once", "--source", "portable")
        assert "Traceback" not in done.stderr
        assert secret.read_bytes() == before
        for each in theirs.iterdir():
            each.unlink()


def test_a_backup_into_a_folder_of_another_user_is_roots_alone(theirs: Path, db: Path) -> None:
    with open_writer(db, HOST, 1) as writer:
        record(writer)
    made = back_up(db, theirs / "copy.db")
    assert owners(theirs, "") == {(0, 0o600)}
    assert [each.name for each in theirs.iterdir()] == ["copy.db"]
    assert (made.events, made.size) == (1, (theirs / "copy.db").stat().st_size)
    with closing(sqlite3.connect(theirs / "copy.db")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_backup_by_a_way_that_others_could_exchange_is_refused(
    theirs: Path, db: Path, secret: Path
) -> None:
    with open_writer(db, HOST, 1):
        pass
    (theirs / "away").symlink_to(secret.parent)
    (theirs / "roots").mkdir()
    for folder, said in (("away", "denied"), ("roots", "leads through folders of the user")):
        with pytest.raises(StoreError, match=said):
            back_up(db, theirs / folder / "copy.db")
    assert not (secret.parent / "copy.db").exists()


@pytest.mark.parametrize("flags", [("--once",), ("--backup", "{folder}/copy.db")])
@pytest.mark.parametrize("suffix", ["", ".lock"])
def test_a_fifo_is_refused_at_once(db: Path, flags: tuple[str, ...], suffix: str) -> None:
    os.mkfifo(db.with_name(db.name + suffix))
    filled = [each.format(folder=db.parent) for each in flags]
    done = run_service("--db", str(db), *filled)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert lock.holder(db) is None


@pytest.mark.parametrize("flags", [("--once",), ("--backup", "{folder}/copy.db")])
def test_a_journal_that_is_a_fifo_is_refused_at_once(db: Path, flags: tuple[str, ...]) -> None:
    with open_writer(db, HOST, 1):
        pass
    os.mkfifo(db.with_name(f"{db.name}-journal"))
    filled = [each.format(folder=db.parent) for each in flags]
    done = run_service("--db", str(db), *filled)
    assert done.returncode == 1
    assert "is not a plain file" in done.stderr


def test_a_token_file_that_is_a_fifo_is_refused_at_once(tmp_path: Path) -> None:
    fifo = tmp_path / "token"
    os.mkfifo(fifo, 0o600)
    done = subprocess.run(
        [sys.executable, "-c", "from porteye_core.web import server; server.access()"],
        cwd=PROJECT,
        env={**os.environ, "PORTEYE_TOKEN_FILE": str(fifo)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert "cannot be read: Not a plain file" in done.stderr


def modes(folder: Path) -> set[tuple[int, int]]:
    """Owners and modes of the folders below a folder."""
    found = [each.lstat() for each in folder.rglob("*") if each.is_dir()]
    return {(each.st_uid, stat.S_IMODE(each.st_mode)) for each in found}


def test_a_missing_folder_of_its_own_name_is_made_for_its_user_alone(
    theirs: Path, tmp_path: Path
) -> None:
    with open_writer(theirs / "state" / "porteye" / "porteye.db", HOST, 1):
        pass
    assert modes(theirs) == {(STRANGER, 0o700)}  # as under sudo
    with open_writer(tmp_path / "state" / "PortEye" / "x.db", HOST, 1):
        pass
    assert modes(tmp_path) == {(0, 0o700)}


def test_a_missing_folder_of_another_name_is_a_mistake(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreError, match="No such file or directory"),
        open_writer(tmp_path / "portye" / "porteye.db", HOST, 1),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_an_error_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StoreError, match="cannot be made: Not a directory"),
        open_writer(tmp_path / "file" / "porteye" / "porteye.db", HOST, 1),
    ):
        pass


def test_what_is_in_the_machines_own_folder_stays_roots_under_sudo(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service without CAP_DAC_OVERRIDE could not open it for writing any more."""
    monkeypatch.setattr("porteye_core.places.OF_ROOT", open_folder / "porteye")
    db = open_folder / "porteye" / "porteye.db"
    with open_writer(db, HOST, 1):
        pass
    monkeypatch.setenv("SUDO_UID", str(STRANGER))
    for _ in range(2):
        with open_writer(db, HOST, 1) as writer:
            record(writer)
            assert owners(db.parent, "porteye.db") == {(0, 0o600)}
    back_up(db, db.parent / "copy.db")
    assert owners(db.parent, "copy.db") == {(0, 0o600)}
