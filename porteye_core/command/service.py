"""`porteye service`: the monitor as a service of the machine or of a user."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from porteye_core.command import service_managers
from porteye_core.command.exits import HELD, NOBODY
from porteye_core.command.new_file import write_public
from porteye_core.command.screen import Screen
from porteye_core.command.service_files import is_untouched
from porteye_core.command.service_managers import Commands, Service
from porteye_core.errors import ConfigError, PortEyeError
from porteye_core.system.foreign_owners import foreign_owner

_RUNNING = Path("/run/systemd/system")  # sd_booted(3)


def service(given: Namespace, screen: Screen) -> int:
    """Install, show or remove the service; returns the exit status. Raises PortEyeError."""
    manager = given.manager or service_managers.here()
    of = service_managers.service(manager, os.environ, of_user=given.user)
    if given.print:
        screen.out.write(of.text)
        return HELD
    if manager != service_managers.here():
        raise ConfigError(f"There is no {manager} on this system.", "Give --print to see its file.")
    if given.action == "status":
        return _status(of, screen)
    _check_place(of, of_user=given.user)
    if given.action == "remove":
        _remove(of, screen, force=given.force)
    else:
        _install(of, screen, given)
    return HELD


def _check_place(of: Service, *, of_user: bool) -> None:
    """Raise PortEyeError where this user cannot tell the manager anything."""
    if of.manager == "systemd" and not _RUNNING.is_dir():
        raise PortEyeError(
            "There is no systemd running here.",
            "`porteye service install --print` shows the unit for another place.",
        )
    if os.name == "nt" or of_user or os.geteuid() == 0:
        return
    again = shlex.join(["sudo", str(Path(sys.argv[0]).absolute()), *sys.argv[1:]])
    raise PortEyeError(
        "Only root may change the services of the machine.",
        f"Run: {again}  (or give --user, for a monitor without rights that is yours)",
    )


def _install(of: Service, screen: Screen, given: Namespace) -> None:
    if not given.force:
        _refuse(of, of_user=given.user)
    is_there = _content(of) == of.text
    if not is_there:
        _check(of)
        _write(of)
    _run(of.written, f"{of.path} is written.")
    screen.write(f"{of.path} is {'there already' if is_there else 'written'}.")
    if given.now:
        _run(of.start)
        screen.write("The service runs, and starts by itself from now on.")
    else:
        commands = " && ".join(shlex.join(each) for each in of.start)
        screen.write(f"It is not enabled and not started. To do both: {commands}")
    screen.write(f"Its database: {of.database}")


def _refuse(of: Service, *, of_user: bool) -> None:
    """Raise PortEyeError for what only --force does."""
    there = _content(of)
    if there is not None and there != of.text and not is_untouched(there):
        raise PortEyeError(
            f"{of.path} was changed, or written by somebody else.",
            "Put changes into a drop-in (systemctl edit porteye), and overwrite it with --force.",
        )
    if of.packaged is not None:
        raise PortEyeError(
            f"A package has installed {of.packaged} already.",
            "Start it: systemctl enable --now porteye. With --force the new unit hides it.",
        )
    for path in () if of_user else service_managers.program():
        if found := foreign_owner(path):
            step, owner = found
            raise PortEyeError(
                f"{step} can be changed by {owner}, and the service would run it as root.",
                "Install PortEye where root alone may write, or give --user, or --force.",
            )


def _remove(of: Service, screen: Screen, *, force: bool) -> None:
    there = _content(of)
    if there is None:
        screen.write(f"There is no {of.path}.")
        return
    if not (force or there == of.text or is_untouched(there)):
        raise PortEyeError(
            f"{of.path} was changed, or written by somebody else.", "Remove it with --force."
        )
    _run(of.stop)
    of.path.unlink(missing_ok=True)
    _run(of.removed)
    screen.write(f"{of.path} is removed. The database stays: {of.database}")


def _status(of: Service, screen: Screen) -> int:
    there = _content(of)
    if there is None:
        known = f"installed by a package: {of.packaged}" if of.packaged else "not installed"
    elif there == of.text:
        known = "as this program writes it"
    elif is_untouched(there):
        known = "written by another version, or for another place; install writes it anew"
    else:
        known = "changed, or written by somebody else"
    screen.write(f"{of.path}: {known}")
    is_active = False
    for words in of.asked:
        if shutil.which(words[0]) is None:
            screen.write(f"There is no {words[0]} here.")
            return NOBODY
        done = _done(words)
        is_active = done.returncode == 0
        said = (done.stdout or done.stderr).strip().splitlines()
        screen.write(f"{shlex.join(words)}: {said[0] if said else done.returncode}")
    return HELD if is_active else NOBODY


def _content(of: Service) -> str | None:
    """The text of the file; None without one. Raises PortEyeError."""
    try:
        return of.path.read_bytes().decode(of.encoding, errors="surrogateescape")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError) as err:
        raise PortEyeError(f"{of.path} cannot be read: {err}.") from err


def _check(of: Service) -> None:
    """Let the manager's own program judge the file, where it is. Raises PortEyeError."""
    if not of.check or shutil.which(of.check[0]) is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / of.path.name
        draft.write_bytes(_bytes(of))
        # systemd-analyze wants one with --user, and there is none where nobody has logged in.
        environ = {"XDG_RUNTIME_DIR": folder, **os.environ}
        done = _done([*of.check, str(draft)], environ)
        said = done.stdout + done.stderr
        if of.path.name in said and done.returncode:
            raise PortEyeError(
                f"{of.check[0]} finds fault with what would be {of.path}: {said.strip()}",
                "Nothing is installed.",
            )


def _write(of: Service) -> None:
    """Put the file in its place, in a folder that is made. Raises PortEyeError."""
    try:
        of.path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise PortEyeError(f"{of.path.parent} cannot be made: {err.strerror}.") from err
    write_public(of.path, _bytes(of))


def _bytes(of: Service) -> bytes:
    errors = "surrogateescape" if of.encoding == "utf-8" else "strict"
    return of.text.encode(of.encoding, errors=errors)


def _run(commands: Commands, hint: str = "") -> None:
    """Run each command. Raises PortEyeError with what the first one says that fails, and a hint."""
    for words in commands:
        done = _done(words)
        if done.returncode:
            said = (done.stderr or done.stdout).strip()
            raise PortEyeError(f"{shlex.join(words)} failed: {said}", hint)


def _done(
    words: Sequence[str], environ: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(  # noqa: S603 - words of this program's own
            words, env=environ, capture_output=True, text=True, errors="replace", check=False
        )
    except OSError as err:
        raise PortEyeError(f"{words[0]} cannot be run: {err.strerror}.") from err
