"""The real dashboard, started as README says, on a port that it found free."""

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.kit.processes import logged
from tests.kit.service import PROJECT, environment
from tests.kit.waiting import until


class App:
    """A running dashboard."""

    def __init__(self, process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
        self.process, self.url, self.log = process, url, log

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
        """Status and body of a request."""
        request = urllib.request.Request(self.url + path, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    def json(self, path: str) -> Any:
        status, body = self.get(path)
        assert status == 200, body
        return json.loads(body)


STREAMLIT = ("-m", "streamlit", "run", str(PROJECT / "streamlit_app.py"))


@contextmanager
def dashboard(
    db: Path | None,
    folder: Path,
    command: Sequence[str] = STREAMLIT,
    python: Sequence[str] = (sys.executable,),
    **variables: str,
) -> Iterator[App]:
    """The dashboard over this database, run from a folder that is not the checkout; command: words
    of Python's command line; None: its default database."""
    named = {} if db is None else {"PORTEYE_DB": str(db)}
    log = folder / "dashboard.log"
    with logged(
        log,
        *(*python, *command),
        *("--server.headless", "true", "--server.port", "0"),
        cwd=folder,
        env=environment(**named, **variables),
    ) as process:
        yield App(process, until(lambda: _url(process, log), "the dashboard is up"), log)


def _url(process: "subprocess.Popen[bytes]", log: Path) -> str:
    text = log.read_text()
    assert process.poll() is None, text
    found = re.search(r"URL: http://\S+:(\d+)(/\S+)?", text)
    if not found or found[1] == "0":
        return ""
    url = f"http://127.0.0.1:{found[1]}{found[2] or ''}"
    try:
        with urllib.request.urlopen(url + "/_stcore/health", timeout=5):
            return url
    except OSError:
        return ""
