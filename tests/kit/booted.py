"""A systemd that is process 1 of namespaces of its own, with PortEye's unit and nothing else."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.kit.service import PROJECT
from tests.kit.unit import UNIT, missing
from tests.kit.waiting import until

_SYSTEMD = Path("/lib/systemd/systemd")
# Only these units: the machine's own would load modules, set the kernel's parameters and the clock.
_BOOT = """
set -e
hostname booted
mount --make-rprivate /
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/systemd/system
for units in /lib/systemd/system /etc/systemd/system; do mount -t tmpfs tmpfs $units; done
for target in sysinit basic shutdown umount final multi-user; do
    printf '[Unit]\\nDefaultDependencies=no\\n' > /lib/systemd/system/$target.target
done
printf '[Unit]\\nDefaultDependencies=no\\nWants=porteye.service\\n' \
    > /etc/systemd/system/booted.target
cp -r "$1"/units/. /etc/systemd/system/
mount --bind "$1/state" /var/lib
# As systemd does outside of containers: what it mounts for a unit, such as its credentials, is
# there in the namespace of the unit, too.
mount --make-rshared /
exec env -i container=booted PATH="$PATH" "$2" --system --unit=booted.target \
    --log-target=console --show-status=no
"""
_HERE = f"""
[Service]
ExecStart=
ExecStart={sys.executable} {PROJECT / "monitor_service.py"} --db /var/lib/porteye/porteye.db
StandardOutput=file:/var/lib/log
StandardError=file:/var/lib/log
# The interpreter of a developer may lie in a home, and the project in a folder for a while.
ProtectHome=no
PrivateTmp=no
"""


def unbootable() -> str:
    """Why there can be no such systemd here; empty if there can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "only root can make the namespaces"
    if not _SYSTEMD.exists() or _groups() is None:
        return "there is no systemd here, or no mounted cgroup2"
    return missing("unshare", "nsenter", "systemctl")


def _groups() -> Path | None:
    """Where the one hierarchy of control groups is mounted."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    places = [line.split()[1] for line in lines if line.split()[2] == "cgroup2"]
    return Path(places[0]) if places else None


@dataclass(frozen=True, slots=True)
class Booted:
    """The running systemd, by the pid that it has outside."""

    pid: int
    state: Path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside."""
        inside = ["nsenter", "-t", str(self.pid), "--mount", "--pid", "--cgroup", "--"]
        return subprocess.run([*inside, *words], capture_output=True, text=True, check=False)

    def systemctl(self, *words: str) -> str:
        """What systemctl says; CalledProcessError if it fails."""
        done = self.run("systemctl", *words)
        done.check_returncode()
        return done.stdout.strip()

    def shown(self, name: str) -> str:
        """A property of the service."""
        return self.systemctl("show", "porteye.service", "--value", "--property", name)

    @property
    def is_up(self) -> bool:
        """Whether it answers."""
        with suppress(subprocess.CalledProcessError):
            return self.systemctl("show", "--value", "--property", "Version") != ""
        return False

    def main(self) -> psutil.Process | None:
        """The service's main process, from outside; None between two."""
        for each in psutil.Process(self.pid).children():
            with suppress(psutil.NoSuchProcess):
                if "monitor_service.py" in " ".join(each.cmdline()):
                    return each
        return None


@contextmanager
def booted(folder: Path, settings: str | None) -> Iterator[Booted]:
    """Start it with the unit and these settings of it, and end it with all that it started; None:
    without the unit.

    Skips the test if systemd ends before it is up, which is no fault of the unit.
    """
    groups = _groups()
    assert groups is not None
    group = groups / f"porteye-{os.getpid()}"
    (folder / "state").mkdir()
    (folder / "units" / f"{UNIT.name}.d").mkdir(parents=True)
    if settings is not None:
        shutil.copy(UNIT, folder / "units")
        (folder / "units" / f"{UNIT.name}.d" / "here.conf").write_text(_HERE + settings)
    group.mkdir()
    enter = 'echo $$ > "$0"/cgroup.procs; exec "$@"'
    apart = ["--fork", "--pid", "--mount", "--uts", "--ipc", "--cgroup", "--mount-proc"]
    boot = ["unshare", *apart, "--kill-child", "bash", "-c", _BOOT, "boot", str(folder)]
    with (folder / "console").open("w") as console:
        process = subprocess.Popen(
            ["bash", "-c", enter, str(group), *boot, str(_SYSTEMD)],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
        )
    try:
        children = psutil.Process(process.pid).children
        running = Booted(until(children, "there is a process 1")[0].pid, folder / "state")
        until(lambda: running.is_up or process.poll() is not None, "systemd is up")
        if process.poll() is not None:
            pytest.skip(f"systemd does not come up here: {(folder / 'console').read_text()}")
        yield running
    finally:
        process.kill()
        process.wait(120)
        until(lambda: _is_removed(group), "all of it has ended")


def _is_removed(group: Path) -> bool:
    """Remove a control group and those in it, which takes that no process is left in any."""
    with suppress(OSError):
        for each in sorted(group.rglob("*/"), reverse=True):
            each.rmdir()
        group.rmdir()
    return not group.exists()
