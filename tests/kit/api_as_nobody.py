"""Prints what the API answers the user nobody over a database, as JSON: path, status and body."""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from starlette.testclient import TestClient

from porteye_core.api import create_api
from porteye_core.config import Config
from tests.kit.as_nobody import become_nobody

_PATHS = ("/health", "/ports", "/history")


def ask(db: Path) -> dict[str, list[object]]:
    client = TestClient(create_api(Config(db=db)), raise_server_exceptions=False)
    answers = {path: client.get(path) for path in _PATHS}
    return {path: [each.status_code, each.json()] for path, each in answers.items()}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        ask(Path(shutil.copy(sys.argv[1], folder)))  # loads all modules, which nobody may not read
    become_nobody()
    print(json.dumps(ask(Path(sys.argv[1]))))
