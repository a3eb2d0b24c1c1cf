"""Every line of docs/bad-inputs.md, done for real."""

import os
import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from porteye_core.command import program
from porteye_core.monitor import command_line
from porteye_core.store.writing.startup import open_writer
from porteye_core.web import server
from tests.kit import configuration
from tests.kit.service import PROJECT, environment
from tests.kit.values import HOST

TOKEN = "correct-horse-battery-staple"
DOCUMENT = (PROJECT / "docs" / "bad-inputs.md").read_text()
WORDS = {"{50K}": "x" * 50_000, "{1M}": "x" * 1_000_000, "{NUL}": "\0"}

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the sentences are those of POSIX")


def table(heading: str, first: str = "") -> list[tuple[str, str, int]]:
    """Input, sentence and status of each line of a table; first: the title of its first column, if
    there are several."""
    section = DOCUMENT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    section = section.split(f"| {first}", 1)[1].split("\n\n", 1)[0] if first else section
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    cells = [line.strip("| ").split(" | ") for line in lines[0 if first else 1 :]]
    return [(given, said, int(status)) for given, said, status in cells]


@dataclass
class Place:
    """A folder with the files that the document speaks of."""

    folder: Path

    def filled(self, text: str) -> str:
        """The text with the names of this place."""
        names = {"{dir}": str(self.folder), "{file}": str(self.folder / "diary"), **WORDS}
        names["{db}"] = str(self.folder / "good.db")
        return re.sub(r"\{\w+\}", lambda found: names[found[0]], text)

    def says(self, expected: str, said: str) -> bool:
        pieces = map(re.escape, self.filled(expected).split("…"))
        return bool(re.search(".*".join(pieces), said, re.DOTALL))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("bad")
    with open_writer(folder / "good.db", HOST, 1):
        pass
    for name, change in (("newer.db", "PRAGMA user_version = 999"), ("torn.db", "VACUUM")):
        (folder / name).write_bytes((folder / "good.db").read_bytes())
        connection = sqlite3.connect(folder / name)
        connection.execute(change)
        connection.close()
    torn = (folder / "torn.db").read_bytes()
    (folder / "torn.db").write_bytes(torn[:4096] + b"x" * 4096 + torn[8192 : len(torn) // 2])
    (folder / "empty.db").touch()
    os.mkfifo(folder / "pipe.db", 0o600)
    (folder / "diary").write_text("dear diary\n" * 500)
    (folder / "diary").chmod(0o644)
    (folder / "link.db").symlink_to(folder / "elsewhere.db")
    (folder / "device").symlink_to("/dev/zero")
    (folder / "latin1").write_bytes(b"# caf\xe9\n")
    (folder / "deep").write_text("x = " + "[" * 100_000)
    with (folder / "large").open("wb") as large:
        large.truncate(100_000_000)  # a hole
    (folder / "nothing.toml").touch()
    for name in ("latin1", "deep", "large", "nothing.toml"):
        (folder / name).chmod(0o600)
    return Place(folder)


def test_there_are_fifty() -> None:
    assert len(re.findall(r"^\| `.*\| \d+ \|$", DOCUMENT, re.MULTILINE)) >= 50


@pytest.mark.parametrize(("given", "said", "status"), table("Flags of the monitor"))
def test_a_flag(
    place: Place,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    given: str,
    said: str,
    status: int,
) -> None:
    flags = [place.filled(word) for word in shlex.split(given.strip("`"))]
    try:
        found = command_line.main(["monitor_service.py", *flags])
    except SystemExit as ended:  # argparse's way
        found = int(str(ended.code))
    output = "\n".join([*caplog.messages, capfd.readouterr().err])
    assert found == status
    assert place.says(said, output)
    assert "Traceback" not in output


@pytest.mark.parametrize(("given", "said", "status"), table("Variables"))
def test_a_variable(place: Place, given: str, said: str, status: int) -> None:
    variables = dict(
        each.split("=", 1) for each in re.split(r" (?=[A-Z]+_)", place.filled(given.strip("`")))
    )
    started = (
        ["-m", "streamlit", "run", "streamlit_app.py", "--server.port", "0"]
        if "STREAMLIT_SERVER_ADDRESS" in variables
        else ["-c", "from porteye_core.web import server; server.config(); server.access()"]
    )
    done = subprocess.run(
        [sys.executable, *started],
        cwd=PROJECT,
        env=environment(STREAMLIT_SERVER_HEADLESS="true", **variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == status, done.stderr
    assert place.says(f"PortEye: {said}", done.stderr.splitlines()[-1])
    assert "Traceback" not in done.stderr


def checked(place: Place, capfd: pytest.CaptureFixture[str], file: str) -> tuple[int, str]:
    """The status and the errors of `porteye check` by this file."""
    status = program.main(["porteye", "check", "--db", place.filled("{db}"), "--expected", file])
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return status, said.err


@pytest.mark.parametrize(("given", "said", "status"), table("Expected ports", "Text"))
def test_a_block_of_expected_ports(
    place: Place, capfd: pytest.CaptureFixture[str], given: str, said: str, status: int
) -> None:
    file = Path(place.filled("{file}")).with_name("expected.toml")
    text = place.filled(given.strip("`")).replace(" ⏎ ", "\n")
    file.write_text(f"[[expected]]\n{text}\n")
    found, told = checked(place, capfd, str(file))
    assert found == status
    assert place.says(said.replace("{file}", str(file)), told)


@pytest.mark.parametrize(("given", "said", "status"), table("Expected ports", "File"))
def test_a_file_of_expected_ports(
    place: Place, capfd: pytest.CaptureFixture[str], given: str, said: str, status: int
) -> None:
    found, told = checked(place, capfd, place.filled(given.strip("`")))
    assert found == status
    assert place.says(said, told)


def refused(caplog: pytest.LogCaptureFixture, file: str) -> tuple[int, str]:
    """The status and the error of `porteye alerts --test` by this file."""
    status = program.main(["porteye", "alerts", "--alerts", file, "--test"])
    assert len(caplog.messages) == 1
    return status, caplog.messages[0]


@pytest.mark.parametrize(("given", "said", "status"), table("Alerts", "Text"))
def test_a_receiver_of_alerts(
    place: Place, caplog: pytest.LogCaptureFixture, given: str, said: str, status: int
) -> None:
    file = Path(place.filled("{file}")).with_name("alerts.toml")
    text = place.filled(given.strip("`")).replace(" ⏎ ", "\n")
    file.touch(0o600)
    file.write_text(f'[[receiver]]\nname = "ops"\n{text}\n')
    found, told = refused(caplog, str(file))
    assert found == status
    assert place.says(said.replace("{file}", str(file)), told)
    assert "secret" not in told.replace("secret is not whsec_", "")


@pytest.mark.parametrize(("given", "said", "status"), table("Alerts", "File"))
def test_a_file_of_alerts(
    place: Place, caplog: pytest.LogCaptureFixture, given: str, said: str, status: int
) -> None:
    found, told = refused(caplog, place.filled(given.strip("`")))
    assert found == status
    assert place.says(said, told)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], TestClient]]:
    """The dashboard's own routes and guards over a database."""

    def serve(db: str) -> TestClient:
        for name, value in (("DB", db), ("TOKEN", TOKEN), ("MONITOR", "off")):
            monkeypatch.setenv(f"PORTEYE_{name}", value)
        configuration.forget()
        app = Starlette(routes=server.routes(), middleware=server.middleware())
        return TestClient(app, base_url="http://localhost", raise_server_exceptions=False)

    yield serve
    configuration.forget()


@pytest.mark.parametrize(("given", "said", "status"), table("Files behind the dashboard"))
def test_a_file(
    served: Callable[[str], TestClient], place: Place, given: str, said: str, status: int
) -> None:
    client = served(place.filled(given.strip("`")))
    answer = client.get("/api/history", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == status
    assert place.says(said, answer.json()["error"]["message"])


@pytest.mark.parametrize(("given", "said", "status"), table("Requests"))
def test_a_request(
    served: Callable[[str], TestClient], place: Place, given: str, said: str, status: int
) -> None:
    asked = re.fullmatch(r"`(\w+) ([^`]+)`(?: (.*))?", given)
    assert asked
    method, address, how = asked[1], asked[2], asked[3] or ""
    path, _, query = address.partition("?")
    headers = {"Authorization": f"Bearer {TOKEN}"}
    if "without" in how:
        headers = {}
    elif "wrong" in how:
        headers = {"Authorization": "Bearer x"}
    elif how.startswith("for the host"):
        headers["Host"] = how.split()[-1]
    elif how.startswith("from"):
        headers["Origin"] = how.split()[-1]
    content = place.filled(how[5:]) if how.startswith("with {") else None
    name, _, value = place.filled(query).partition("=")
    url = f"{path}?{name}={quote(value, safe='%')}" if query else path
    answer = served(place.filled("{db}")).request(method, url, headers=headers, content=content)
    assert answer.status_code == status
    if status == 200:
        assert place.says(said, answer.text)
    else:
        assert list(answer.json()) == ["error"]
        assert place.says(said, answer.json()["error"]["message"])
