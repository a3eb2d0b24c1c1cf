"""Administrative rights, found and asked for."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from porteye_core.errors import PrivilegeError
from porteye_core.system import privilege
from tests.kit import user_namespace
from tests.kit.rights import root
from tests.kit.service import PROJECT, environment
from tests.kit.unit import missing

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.fixture
def not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


@pytest.mark.usefixtures("not_root")
def test_without_a_procfs_only_root_has_rights(tmp_path: Path) -> None:
    assert not privilege.rights(tmp_path / "absent").reads_everyone


@pytest.mark.usefixtures("not_root")
def test_a_kernel_without_user_namespaces_has_all_rights_in_its_only_one(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("Name:\tpython\nCapEff:\t0000000000280004\n")
    assert privilege.rights(tmp_path) == privilege.Rights(
        reads_everyone=True, enters_namespaces=True
    )


def bounded(without: str) -> tuple[str, ...]:
    names = ",".join(f"-{each}" for each in without.split())
    return ("setpriv", f"--bounding-set={names}", "--inh-caps=-all")


@pytest.fixture(scope="module")
def targets() -> Iterator[tuple[int, ...]]:
    """Processes of root and of nobody on the host, and one in a network namespace of root's."""
    if lacking := missing("setpriv", "unshare"):
        pytest.skip(lacking)
    with ExitStack() as stack:
        pids = []
        for prefix in ((), NOBODY, ("unshare", "--net")):
            process = stack.enter_context(
                subprocess.Popen(
                    [*prefix, "sh", "-c", "echo; exec cat"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            )
            stack.callback(process.kill)
            assert process.stdout is not None
            process.stdout.readline()  # it has lost its rights, and is where it should be
            pids.append(process.pid)
        yield tuple(pids)


def probe(
    within: Sequence[str], targets: Sequence[int], *steps: str, identity: bool = False
) -> dict[str, Any]:
    """The answer of rights_probe.py. identity: its user namespace has the users of the first."""
    arguments = [*map(str, targets), ",".join(steps)]
    process = subprocess.Popen(
        [*within, sys.executable, "-m", "tests.kit.rights_probe", *arguments],
        cwd=PROJECT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        if identity:
            assert process.stdout is not None
            process.stdout.readline()
            for each in ("uid_map", "gid_map"):
                Path(f"/proc/{process.pid}/{each}").write_text("0 0 4294967295")
        said, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    answer: dict[str, Any] = json.loads(said)
    return answer


@root
@pytest.mark.parametrize(
    ("lost", "reads", "enters"),
    [
        ("sys_time", True, True),
        ("dac_read_search", True, True),  # CAP_DAC_OVERRIDE lists folders, too
        ("dac_override", True, True),
        ("dac_read_search dac_override", False, True),
        ("sys_admin", True, False),
        ("sys_ptrace", False, False),
        ("sys_ptrace sys_admin dac_read_search dac_override", False, False),
    ],
)
def test_root_without_some_capabilities_knows_exactly_what_it_may_do(
    targets: tuple[int, ...], lost: str, *, reads: bool, enters: bool
) -> None:
    found = probe(bounded(lost), targets)
    assert found["told"] == found["true"] == [reads, enters]
    if not reads:
        named = {"CAP_SYS_PTRACE": "sys_ptrace" in lost, "CAP_DAC_READ_SEARCH": "dac" in lost}
        for name, is_named in named.items():
            assert (name in found["lack"]) is is_named
            assert (name in found["remedy"]) is is_named
        assert "sudo" not in found["remedy"]


@root
def test_an_ordinary_user_has_no_rights_and_gets_them_by_sudo(targets: tuple[int, ...]) -> None:
    found = probe((), targets, "nobody")
    assert found["told"] == found["true"] == [False, False]
    assert found["remedy"] == "Run: sudo monitor_service.py"


@root
@pytest.mark.parametrize(
    ("within", "steps"),
    [
        (("unshare", "-U"), ()),
        (("unshare", "-Ur"), ()),
        (("unshare", "-Urn"), ()),
        ((), ("namespace",)),
        ((), ("nobody", "namespace")),
    ],
    ids=" ".join,
)
def test_root_of_a_user_namespace_has_no_rights_outside_of_it(
    targets: tuple[int, ...], within: Sequence[str], steps: Sequence[str]
) -> None:
    user_namespace.skip_if_refused()
    found = probe(within, targets, *steps)
    assert found["told"] == found["true"] == [False, False]
    assert "user namespace" in found["lack"]
    assert found["remedy"] == "Run outside of the user namespace: sudo monitor_service.py"


@root
def test_a_user_namespace_with_the_users_of_the_first_one_is_not_taken_for_it(
    targets: tuple[int, ...],
) -> None:
    user_namespace.skip_if_refused()
    found = probe(("unshare", "-U", "sh", "-c", 'echo; exec "$@"', "sh"), targets, identity=True)
    assert found["told"] == found["true"] == [False, False]
    assert "user namespace" in found["lack"]


def test_the_command_that_elevates_is_the_same_with_sudo() -> None:
    command = privilege.how_to_elevate(["python", "monitor_service.py", "--db", "a b.db"])
    assert command == 'sudo python monitor_service.py --db "a b.db"'


def test_elevate_asks_windows_once_and_without_the_flag() -> None:
    asked = []

    def shell_execute(*arguments: object) -> int:
        asked.append(arguments)
        return 42

    privilege.elevate(["python.exe", "monitor_service.py", "--elevate", "--once"], shell_execute)
    assert asked == [(None, "runas", "python.exe", "monitor_service.py --once", None, 1)]


def test_a_user_who_says_no_to_windows_gets_a_sentence() -> None:
    with pytest.raises(PrivilegeError):
        privilege.elevate(["python.exe", "x.py"], lambda *_: 5)


def test_elevate_elsewhere_names_the_command_to_use() -> None:
    with pytest.raises(PrivilegeError) as refused:
        privilege.elevate(["python", "monitor_service.py"])
    assert "sudo python monitor_service.py" in str(refused.value)
