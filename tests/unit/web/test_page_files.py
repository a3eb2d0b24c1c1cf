"""The page and Streamlit's files as a client gets them: styled, compressed where it accepts it."""

import gzip
import hashlib
import http.client
import os
import socket
import struct
from collections.abc import Iterator
from http.client import HTTPMessage
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient

from porteye_core.ui import layout, lookup_dialog, row_selection
from porteye_core.web.page_files import PageFiles
from tests.kit.app import App, dashboard

STATIC = Path(st.__file__).parent / "static" / "static"
SCRIPT = max((STATIC / "js").glob("index.*.js"), key=lambda path: path.stat().st_size)
FONT = next((STATIC / "media").glob("*.woff2"))
GZIP = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.fixture(scope="module", params=["", "/tools/ports"])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("files")
    base = {"STREAMLIT_SERVER_BASE_URL_PATH": request.param} if request.param else {}
    with dashboard(folder / "x.db", folder, PORTEYE_MONITOR="off", **base) as running:
        yield running


def ask(
    app: App, path: str, headers: dict[str, str], method: str = "GET"
) -> tuple[int, HTTPMessage, bytes]:
    server = urlsplit(app.url)
    connection = http.client.HTTPConnection(str(server.hostname), server.port, timeout=60)
    try:
        connection.request(method, f"{server.path}{path}", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def test_a_script_is_compressed_and_says_so(app: App) -> None:
    for _ in range(2):  # compressed, and then kept
        status, headers, body = ask(app, f"/static/js/{SCRIPT.name}", GZIP)
        assert (status, headers["Content-Encoding"]) == (200, "gzip")
        assert len(body) < SCRIPT.stat().st_size / 2
        assert int(headers["Content-Length"]) == len(body)
        assert gzip.decompress(body) == SCRIPT.read_bytes()
        assert "immutable" in headers["Cache-Control"]
        assert headers["Vary"] == "Accept-Encoding"
        assert headers["Content-Type"].startswith("application/javascript")
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("accepted", ["", "br", "identity", "gzip;q=0", "br, gzip; q=0.0", "*"])
def test_a_client_that_does_not_accept_gzip_gets_none(app: App, accepted: str) -> None:
    for path in (f"/static/js/{SCRIPT.name}", "/", "/history"):
        _, headers, body = ask(app, path, {"Accept-Encoding": accepted} if accepted else {})
        assert "Content-Encoding" not in headers
        assert headers["Vary"] == "Accept-Encoding"
        if path.startswith("/static"):
            assert body == SCRIPT.read_bytes()
        else:
            assert b"<html" in body


def test_each_form_of_a_file_has_a_tag_of_its_own_that_is_known_again(app: App) -> None:
    path = f"/static/js/{SCRIPT.name}"
    raw, packed = (ask(app, path, form)[1]["ETag"] for form in ({}, GZIP))
    assert raw != packed
    for form, tag in (({}, raw), (GZIP, packed)):
        status, headers, body = ask(app, path, {**form, "If-None-Match": tag})
        assert (status, headers["ETag"], body) == (304, tag, b"")


def test_a_part_of_a_file_is_a_part_of_the_raw_file(app: App) -> None:
    form = {**GZIP, "Range": "bytes=0-9"}
    status, headers, body = ask(app, f"/static/js/{SCRIPT.name}", form)
    assert status == 206
    assert "Content-Encoding" not in headers
    assert body == SCRIPT.read_bytes()[:10]


def test_a_request_that_a_browser_breaks_off_leaves_no_part_of_a_file(app: App) -> None:
    server = urlsplit(app.url)
    scripts = sorted((STATIC / "js").glob("*.js"), key=lambda path: path.stat().st_size)[-20:-1]
    for script in scripts:
        with socket.create_connection((server.hostname, server.port)) as connection:
            request = f"GET {server.path}/static/js/{script.name} HTTP/1.1\r\nHost: localhost\r\n"
            connection.sendall(f"{request}Accept-Encoding: gzip\r\n\r\n".encode())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    for script in scripts:
        _, headers, body = ask(app, f"/static/js/{script.name}", GZIP)
        assert headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(body) == script.read_bytes()


def test_two_files_of_one_time_and_size_are_two_files(tmp_path: Path) -> None:
    """Packages that are built reproducibly give all their files the same time."""
    for name in ("first.js", "second.js"):
        (tmp_path / name).write_text(f"{name:<30}")
        os.utime(tmp_path / name, (1, 1))
    app = Starlette(
        routes=[Mount("/static", StaticFiles(directory=tmp_path))],
        middleware=[Middleware(PageFiles, "", str)],
    )
    with TestClient(app) as client:
        for name in ("first.js", "second.js", "./first.js"):
            answer = client.get(f"/static/{name}", headers=GZIP)
            assert answer.headers["Content-Encoding"] == "gzip"
            assert answer.text.strip() == name.removeprefix("./")


def test_what_is_compressed_already_is_sent_as_it_is(app: App) -> None:
    _, headers, body = ask(app, f"/static/media/{FONT.name}", GZIP)
    assert "Content-Encoding" not in headers
    assert body == FONT.read_bytes()


@pytest.mark.parametrize("path", ["/", "/history", "/history?port=80"])
def test_every_page_has_its_style_before_any_script_has_run(app: App, path: str) -> None:
    _, headers, packed = ask(app, path, GZIP)
    assert headers["Content-Encoding"] == "gzip"
    body = gzip.decompress(packed).decode()
    scripts = lookup_dialog.script(), row_selection.script()
    own = "".join(f"<script>{each}</script>" for each in scripts)
    own += f"<style>{layout.style()}</style></body>"
    assert own in body
    assert headers["Cache-Control"] == "no-cache"


def test_a_page_that_a_browser_has_kept_is_sent_anew(app: App) -> None:
    """The tag that Streamlit gives its page says nothing of the style in it."""
    page = STATIC.parent / "index.html"
    stat = page.stat()
    tag = hashlib.md5(f"{stat.st_mtime}-{stat.st_size}".encode()).hexdigest()
    status, headers, body = ask(app, "/", {"If-None-Match": f'"{tag}"'})
    assert status == 200
    assert "ETag" not in headers
    assert b"<style>" in body


def test_the_api_is_left_alone(app: App) -> None:
    status, headers, _ = ask(app, "/api/health", GZIP)
    assert status in (200, 503)
    assert "Content-Encoding" not in headers
    assert ask(app, "/_stcore/health", GZIP)[2] == b"ok"


def test_an_unknown_file_is_no_reason_to_keep_another_copy(app: App) -> None:
    first, second = (ask(app, f"/static/js/none-{each}.js", GZIP) for each in "ab")
    assert first[0] == second[0]
    assert first[2] == second[2]
