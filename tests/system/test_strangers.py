"""What hostile processes put before PortEye, from real processes to database, API, CSV and log."""

import csv
import io
import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from porteye_core.api import create_api
from porteye_core.config import Config
from porteye_core.masking import MASK
from porteye_core.owners.processes import MAX_CMDLINE
from tests.kit.opener import Opener
from tests.kit.service import monitor, rows
from tests.kit.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names are given through /proc")

SECRET = "hunter2swordfish"
LINES = (
    f"mysql -uroot -p{SECRET}",
    f"curl -u bob:{SECRET} -H 'Authorization: Bearer {SECRET}' https://bob:{SECRET}@h/",
    f"env PGPASSWORD={SECRET} AWS_SECRET_ACCESS_KEY={SECRET} psql",
    f"java -Djavax.net.ssl.keyStorePassword={SECRET} --token {SECRET} --api-key={SECRET}",
    f"sh -c 'echo {SECRET} | sudo -S sqlplus app/{SECRET}@db; htpasswd -b f bob {SECRET}'",
    f"gh ghp_{SECRET}ABCDEFGHIJ xoxb-123456789012-{SECRET} sk_live_{SECRET}",
)
FORMULA = b"=1+1\x1b[2J<b>\x07"
WORDS = (
    "=HYPERLINK(0)",
    "<script>alert(1)</script>",
    "\x1b]0;owned\x07\x9b31m",
    "line\r\nERROR forged",
    "\u202etxt.exe",
    b"invalid-\xff-utf8",
)
NAMES = {  # as they are given, and as they are shown: a name has at most 15 bytes
    b"\xff\xfebad\x80utf8": "\ufffd\ufffdbad\ufffdutf8",
    "\u202egnp.exe".encode(): r"\u202egnp.exe",
    b"\xc2\x9b31mred": r"\x9b31mred",
    b"a\r\nERROR b": r"a\r\nERROR b",
    b"<img src=x>": "<img src=x>",
    b"\x1b]0;own\x07\x7f": r"\x1b]0;own\x07\x7f",
}
LONGEST_ARGUMENT = 128 * 1024 - 1  # Linux's MAX_ARG_STRLEN, without the NUL
# A tab or an end of line can stand between the lines of a file, but not in a name.
CONTROLS = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u202e"}


@contextmanager
def watched(db: Path, *openers: Opener) -> Iterator[tuple[TestClient, list[int]]]:
    """The API over a real monitor that has seen a listener of each of these, and their ports."""
    with monitor(db, "--log-level", "debug") as service:
        ports = [opener.listen() for opener in openers]
        for port in ports:
            until(lambda port=port: rows(db, "SELECT 1 FROM event WHERE port = ?", port), "seen")  # type: ignore[misc]
        with TestClient(create_api(Config(db=db))) as client:
            yield client, ports
        service.terminate()
        _, log = service.communicate(timeout=120)
        (db.parent / "log").write_text(log)


def contents(db: Path) -> bytes:
    """Every byte that the monitor wrote: database, log of the database, lock, and its own log."""
    return b"".join(path.read_bytes() for path in db.parent.iterdir() if path.is_file())


def test_no_secret_of_a_real_process_reaches_database_log_or_api(db: Path) -> None:
    with ExitStack() as stack:
        openers = [stack.enter_context(Opener(*shlex.split(line))) for line in LINES]
        with watched(db, *openers) as (client, ports):
            while_open = contents(db)
            wanted = ",".join(map(str, ports))
            answers = [
                client.get(f"{path}?port={wanted}").text
                for path in ("/ports", "/history", "/history.csv")
            ]
    assert json.loads(answers[0])
    assert all(MASK in answer for answer in answers)
    for answer in answers:
        assert SECRET not in answer
    assert SECRET.encode() not in while_open + contents(db)


def test_formulas_markup_and_terminal_escapes_are_inert_everywhere(db: Path) -> None:
    with Opener(*WORDS) as opener:
        opener.rename(FORMULA)
        with watched(db, opener) as (client, (port,)):
            (found,) = client.get(f"/ports?port={port}").json()
            exported = client.get(f"/history.csv?port={port}").text
    assert found["process"] == r"=1+1\x1b[2J<b>\x07"  # the name itself, its controls written out
    assert "<script>alert(1)</script>" in found["cmdline"]
    (line,) = csv.DictReader(io.StringIO(exported))
    assert line["process"].startswith("'=1+1")
    for text in (*found.values(), *line.values()):
        assert not CONTROLS & set(str(text))
    log = (db.parent / "log").read_text()
    assert log
    assert not (CONTROLS - {"\n"}) & set(log)
    assert "\nERROR forged" not in log


def test_names_of_any_bytes_are_shown_as_text(db: Path) -> None:
    with ExitStack() as stack:
        openers = [stack.enter_context(Opener()) for _ in NAMES]
        for opener, name in zip(openers, NAMES, strict=True):
            opener.rename(name)
        with watched(db, *openers) as (client, ports):
            wanted = ",".join(map(str, ports))
            shown = {each["port"]: each for each in client.get(f"/ports?port={wanted}").json()}
            exported = client.get(f"/history.csv?port={wanted}").text
    assert [shown[port]["process"] for port in ports] == list(NAMES.values())
    lines = {int(each["port"]): each["process"] for each in csv.DictReader(io.StringIO(exported))}
    assert [lines[port].removeprefix("'") for port in ports] == list(NAMES.values())
    log = (db.parent / "log").read_text()
    for port, shown_as in zip(ports, NAMES.values(), strict=True):
        assert f":{port} by {shown_as}, pid" in log
    assert not (CONTROLS - {"\n"}) & set(log)


def test_the_longest_command_line_that_linux_allows_is_cut_and_shown(db: Path) -> None:
    filler = "x" * (LONGEST_ARGUMENT - len(SECRET))
    with Opener(filler + SECRET) as opener, watched(db, opener) as (client, (port,)):
        assert len(Path(f"/proc/{opener.pid}/cmdline").read_bytes()) > LONGEST_ARGUMENT
        (found,) = client.get(f"/ports?port={port}").json()
        (line,) = csv.DictReader(io.StringIO(client.get(f"/history.csv?port={port}").text))
    assert found["pid"] == opener.pid
    for cmdline in (found["cmdline"], line["cmdline"]):
        assert "xxxx" in cmdline
        assert len(cmdline.encode()) == MAX_CMDLINE
    assert SECRET.encode() not in contents(db)
    assert all(len(each) < 2 * MAX_CMDLINE for each in (db.parent / "log").read_text().split())
