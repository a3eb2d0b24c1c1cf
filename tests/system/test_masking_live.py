"""Real processes with secrets in their command lines, and every place that those might reach."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from porteye_core.masking import MASK
from tests.kit.app import App, dashboard
from tests.kit.browser import CHROMIUM, chromium, expect_settled, needs_chromium, show
from tests.kit.command_lines import WITH_SECRETS, secrets, words
from tests.kit.service import PROJECT, monitor, rows
from tests.kit.waiting import until

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(sys.platform != "linux", reason="titles are set through /proc"),
]

SHOWN = WITH_SECRETS[::4]  # as many processes as start and listen within seconds
LINES = [words(line) for line in SHOWN]
# A number of a few digits may stand anywhere.
SECRETS = {each for line in SHOWN for each in secrets(line) if not each.isdigit()}
API = ("/api/ports", "/api/history", "/api/history.csv", "/api/history.json")
PAGE = pytest.param("page", marks=needs_chromium)


@contextmanager
def titled() -> Iterator[list[int]]:
    """The ports of a process for each line."""
    script = PROJECT / "tests" / "kit" / "titled_processes.py"
    running = subprocess.Popen(
        [sys.executable, "-S", "-E", str(script), "x" * 1000],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(json.dumps(LINES) + "\n")
    running.stdin.flush()
    try:
        yield [int(port) for port in running.stdout.readline().split()]
    finally:
        running.communicate(timeout=120)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What stands in each of these places while all those processes listen, and after."""
    folder = tmp_path_factory.mktemp("masking")
    db, log = folder / "porteye.db", folder / "monitor.log"

    def logging_to_a_file(*command: str) -> list[str]:
        return ["sh", "-c", f'exec "$@" 2>{shlex.quote(str(log))}', "sh", *command]

    flags = ("--log-level", "debug", "--sample-interval", "1")
    found: dict[str, bytes] = {}
    with titled() as ports, monitor(db, *flags, within=logging_to_a_file) as service:
        marks = ",".join("?" * len(ports))
        owned = (
            f"SELECT DISTINCT port FROM listener WHERE program_id IS NOT NULL AND port IN ({marks})"
        )
        until(lambda: len(rows(db, owned, *ports)) == len(LINES), "all of them are seen")
        found["database"] = b"".join(path.read_bytes() for path in folder.glob("porteye.db*"))
        with dashboard(db, folder, PORTEYE_MONITOR="off") as app:
            for path in API:
                status, body = app.get(path if "." in path else f"{path}?limit=1000")
                assert status == 200, body
                found[path] = body.encode()
            if CHROMIUM is not None:
                found["page"] = sent_to_a_browser(app)
        service.terminate()
        service.wait(120)
        found["database"] += b"".join(path.read_bytes() for path in folder.glob("porteye.db*"))
    return found | {"log": log.read_bytes(), "dashboard's log": app.log.read_bytes()}


def sent_to_a_browser(app: App) -> bytes:
    """All that the server sends over the WebSocket, which is what the page is made of."""
    frames: list[bytes] = []

    def hear(payload: bytes | str) -> None:
        frames.append(payload if isinstance(payload, bytes) else payload.encode())

    with chromium() as browser:
        page = browser.new_page()
        page.on("websocket", lambda opened: opened.on("framereceived", hear))
        for view in ("", "/history?limit=1000&range=all"):
            show(page, app.url + view)
            expect_settled(page)
    return b"".join(frames)


@pytest.mark.parametrize("place", ["database", "log", "dashboard's log", *API, PAGE])
def test_no_secret_of_a_real_process_reaches(told: dict[str, bytes], place: str) -> None:
    assert told[place] or place == "dashboard's log"
    assert [secret for secret in SECRETS if secret.encode() in told[place]] == []


@pytest.mark.parametrize("place", ["database", "/api/ports", "/api/history", PAGE])
def test_what_is_not_secret_is_there(told: dict[str, bytes], place: str) -> None:
    for harmless in ("podman login --username bob", "ansible-playbook site.yml", MASK):
        assert harmless.encode() in told[place]
    assert told[place].count(MASK.encode()) >= len(LINES)
