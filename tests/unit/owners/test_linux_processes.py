"""What /proc says of real processes: whole names, effective users, folders as bytes."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from porteye_core.model import Process, ProcessKey
from porteye_core.owners import processes
from porteye_core.owners.user_names import UserNames
from tests.kit.rights import root
from tests.kit.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")

READER = processes(0)
CAT = shutil.which("cat") or ""
WAITS = "import sys; print(flush=True); sys.stdin.read()"


@contextmanager
def running(*command: str | Path, says: bool = False, **options: object) -> Iterator[int]:
    """A process that ends with the block; `says`: it is ready once it has written a line."""
    process = subprocess.Popen(
        list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options
    )  # type: ignore[call-overload]
    try:
        if says:
            assert process.stdout.readline()
        else:
            # Popen returns within execve, before the kernel has the new arguments.
            until(Path(f"/proc/{process.pid}/cmdline").read_bytes, "it has its arguments")
        yield process.pid
    finally:
        process.kill()
        process.communicate()


def described(pid: int) -> Process:
    started = READER.started_at(pid)
    assert started is not None
    found = READER.read(ProcessKey(pid, started))
    assert found is not None
    return found


def copied(name: Path) -> Path:
    """A program of another name that ends with its standard input."""
    return Path(shutil.copy(CAT, name))


def names(pid: int) -> tuple[str, str]:
    """What the kernel keeps of the name, and what is told of it."""
    kept = Path(f"/proc/{pid}/comm").read_text().rstrip("\n")
    return kept, described(pid).program.name


def test_a_long_name_with_blanks_is_whole_without_arguments(tmp_path: Path) -> None:
    media = copied(tmp_path / "Plex Media Server")
    with running(media) as pid:
        assert names(pid) == ("Plex Media Serv", "Plex Media Server")
        assert described(pid).program.cmdline == f"'{media}'"


def test_a_long_name_with_blanks_is_whole_with_arguments(tmp_path: Path) -> None:
    media = copied(tmp_path / "Plex Media Server")
    with running(media, "-") as pid:
        assert names(pid) == ("Plex Media Serv", "Plex Media Server")


def test_the_executable_tells_the_name_where_the_first_word_does_not(tmp_path: Path) -> None:
    exporter = copied(tmp_path / "prometheus-node-exporter")
    with running("exporter: main", executable=str(exporter)) as pid:
        assert names(pid) == ("prometheus-node", "prometheus-node-exporter")


def test_an_executable_that_was_deleted_tells_the_name_still(tmp_path: Path) -> None:
    exporter = copied(tmp_path / "prometheus-node-exporter")
    with running("exporter: main", executable=str(exporter)) as pid:
        exporter.unlink()
        assert names(pid) == ("prometheus-node", "prometheus-node-exporter")
        assert described(pid).program.exe == f"{exporter} (deleted)"


@pytest.mark.parametrize("options", ["", " -u"])
def test_a_script_is_called_as_its_file(tmp_path: Path, options: str) -> None:
    script = tmp_path / "unattended-upgrade-proxy"
    script.write_text(f"#!{os.path.realpath(sys.executable)}{options}\n{WAITS}\n")
    script.chmod(0o755)
    with running(script, says=True) as pid:
        assert names(pid) == ("unattended-upgr", "unattended-upgrade-proxy")


def test_a_name_that_is_cut_within_a_letter_is_whole(tmp_path: Path) -> None:
    counter = copied(tmp_path / "verbrauchszaehlä")  # whose ä are the bytes 15 and 16
    with running(counter) as pid:
        assert described(pid).program.name == "verbrauchszaehlä"


def test_an_own_name_of_fifteen_bytes_stays(tmp_path: Path) -> None:
    rename = f"open('/proc/self/comm', 'w').write('fifteen-letters'); {WAITS}"
    with running(sys.executable, "-c", rename, says=True) as pid:
        assert names(pid) == ("fifteen-letters", "fifteen-letters")


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_a_title_is_the_name(tmp_path: Path) -> None:
    code = "process.title = 'next-server (v15.1.0)'; console.log(); process.stdin.resume()"
    with running("node", "-e", code + " // as long as a title", says=True) as pid:
        assert names(pid) == ("next-server (v1", "next-server (v15.1.0)")


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_a_secret_in_a_title_never_becomes_a_name(tmp_path: Path) -> None:
    code = "process.title = 'message-server --password hunter2'; console.log(); "
    code += "process.stdin.resume()"
    with running("node", "-e", code + " // as long as a title", says=True) as pid:
        kept, name = names(pid)
        assert kept == "message-server "
        assert name == "message-server --password ***"


SETS_USERS = f"import os, sys; os.setresuid(*map(int, sys.argv[1:])); {WAITS}"


@root
@pytest.mark.parametrize("users", [(65534, 0, 0), (0, 65534, 0), (0, 0, 65534)])
def test_the_user_is_the_effective_one_as_ps_says(users: tuple[int, int, int]) -> None:
    with running(sys.executable, "-c", SETS_USERS, *map(str, users), says=True) as pid:
        said = subprocess.run(
            ["ps", "-o", "euser=", "-p", str(pid)], capture_output=True, text=True, check=True
        )
        assert described(pid).program.user == said.stdout.strip()


LEADER_ENDS = """
import ctypes, sys, threading
def stay():
    print(flush=True)
    sys.stdin.read()
threading.Thread(target=stay).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def test_a_process_whose_main_thread_has_ended_is_described(tmp_path: Path) -> None:
    words = (sys.executable, "-c", LEADER_ENDS)
    with running(*words, says=True, cwd=tmp_path) as pid:
        until(lambda: b") Z " in Path(f"/proc/{pid}/stat").read_bytes(), "its leader has ended")
        told = described(pid)
        assert told.program.exe == os.path.realpath(sys.executable)
        assert "pthread_exit" in told.program.cmdline
        assert told.program.user == UserNames().name(os.geteuid())
        assert told.cwd == str(tmp_path)
        spent = READER.spent(told.key)
        assert spent is not None
        assert spent.rss > 1_000_000


def test_a_process_that_has_ended_whole_used_nothing_that_is_known() -> None:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    started = READER.started_at(process.pid)
    assert started is not None
    until(lambda: b") Z " in Path(f"/proc/{process.pid}/stat").read_bytes(), "it has ended")
    assert READER.spent(ProcessKey(process.pid, started)) is None
    process.wait()


TELLS = """
import sys
from porteye_core.model import ProcessKey
from porteye_core.owners import processes
reader, pid = processes(0), int(sys.argv[1])
told = reader.read(ProcessKey(pid, reader.started_at(pid)))
sys.stdout.buffer.write("\\n".join((told.program.exe, told.cwd, told.program.cmdline)).encode())
"""


@pytest.mark.skipif(not shutil.which("localedef"), reason="localedef is not installed")
def test_paths_are_utf_8_under_any_locale(tmp_path: Path) -> None:
    made = subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(tmp_path / "de_DE")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip(f"a locale cannot be made: {made.stderr.strip()}")
    home = tmp_path / "Zähler"
    home.mkdir()
    server = copied(home / "server")
    with running(server, cwd=home) as pid:
        done = subprocess.run(
            [sys.executable, "-c", TELLS, str(pid)], capture_output=True, check=True,
            env={**os.environ, "LC_ALL": "de_DE", "LOCPATH": str(tmp_path), "PYTHONUTF8": "0"},
        )  # fmt: skip
    assert done.stdout.decode().split("\n") == [str(server), str(home), f"'{server}'"]


def test_bytes_that_are_no_text_do_not_end_a_reading(tmp_path: Path) -> None:
    home = os.fsencode(tmp_path) + b"/\xff\xfe"
    os.mkdir(home)  # noqa: PTH102 - no Path has such a name
    with running(CAT, cwd=home) as pid:
        assert described(pid).cwd == f"{tmp_path}/��"


class Users:
    """The users of a machine, whose file changes when they do, and a clock."""

    def __init__(self, file: Path) -> None:
        self.file, self.seconds, self.asked = file, 0.0, 0
        self.users: dict[int, str] = {}
        self.names = UserNames((str(file),), lambda: self.seconds, self._ask)

    def _ask(self, uid: int) -> str:
        self.asked += 1
        return self.users.get(uid, str(uid))

    def write(self, users: dict[int, str]) -> None:
        self.users = users
        changed = self.file.with_suffix(".new")
        changed.write_text(repr(users))
        changed.replace(self.file)


@pytest.fixture
def users(tmp_path: Path) -> Users:
    return Users(tmp_path / "passwd")


def test_a_number_that_is_given_again_has_its_new_name_at_once(users: Users) -> None:
    users.write({7: "old"})
    assert users.names.name(7) == "old"
    users.write({})
    assert users.names.name(7) == "7"
    users.write({7: "new"})
    assert users.names.name(7) == "new"


def test_a_name_is_not_asked_for_again_until_something_changed(users: Users) -> None:
    users.write({7: "web"})
    assert {users.names.name(7) for _ in range(1000)} == {"web"}
    assert users.asked == 1


def test_a_name_from_a_service_that_announces_nothing_has_a_short_life(users: Users) -> None:
    users.users = {7: "old"}
    assert users.names.name(7) == "old"
    users.users = {7: "new"}
    users.seconds += 60
    assert users.names.name(7) == "new"


def test_any_number_of_users_is_remembered_in_bounds(users: Users) -> None:
    for uid in range(5000):
        assert users.names.name(uid) == str(uid)
    assert len(users.names._known) <= 1024
    assert users.names.name(4999) == "4999"
    assert users.asked == 5000


def test_the_system_itself_is_asked() -> None:
    assert UserNames().name(0) == "root"
    assert UserNames().name(2**32 - 7) == str(2**32 - 7)
