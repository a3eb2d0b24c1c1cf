"""`porteye now` and `who` of a published port: one service with a host's and a container's end."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from porteye_core.command.arguments import parser
from porteye_core.command.now import now
from porteye_core.command.question import Question
from porteye_core.command.screen import Screen
from tests.kit.command import Command, timeless
from tests.kit.published import watch_of_a_published_port


@pytest.fixture(autouse=True)
def _watched(db: Path) -> Iterator[None]:
    with watch_of_a_published_port(db):
        yield


def on_a_terminal(db: Path, *words: str) -> list[str]:
    out = io.StringIO()
    given = parser().parse_args(["now", "--db", str(db), *words])
    assert now(given, Question.of(given), Screen(out, is_terminal=True, width=140)) == 0
    return [" ".join(line.split()) for line in timeless(out.getvalue()).splitlines()[1:]]


@pytest.mark.parametrize(
    "words", [(), ("--port", "8080"), ("--exposed",), ("--process", "docker-proxy")]
)
def test_a_published_port_is_one_line_with_the_host_s_exposure(
    db: Path, words: tuple[str, ...]
) -> None:
    assert on_a_terminal(db, *words) == [
        "8080 tcp 0.0.0.0 nginx in shop-web-1 300 www every interface CLOCK"
    ]


@pytest.mark.parametrize("words", [("--port", "80"), ("--home", "SHOP-web")])
def test_the_container_s_end_is_a_line_where_the_host_s_is_left_out(
    db: Path, words: tuple[str, ...]
) -> None:
    assert on_a_terminal(db, *words) == [
        "80 tcp 0.0.0.0 nginx in shop-web-1 300 www inside a container CLOCK"
    ]


def test_the_records_of_both_ends_name_each_other(porteye: Command) -> None:
    inside, host = json.loads(porteye("now", "--json").out)
    assert (host["port"], host["leads_to"], host["published_by"]) == (8080, inside["id"], None)
    assert (inside["port"], inside["leads_to"], inside["published_by"]) == (80, None, host["id"])
    assert (inside["container_name"], inside["image"]) == ("shop-web-1", "nginx:1.27")
    assert (inside["compose_project"], inside["compose_service"]) == ("shop", "web")


def test_who_tells_the_other_end_of_each(porteye: Command) -> None:
    first, second, *_ = porteye("who", "8080").timeless.splitlines()
    assert first.startswith("docker-proxy listens on 0.0.0.0:8080 (any network), since CLOCK")
    assert second == (
        "It leads to nginx in container shop-web-1, which listens there on 0.0.0.0:80"
        " (inside a container)."
    )
    _, second, third, *_ = porteye("who", "80").timeless.splitlines()
    assert second == "docker-proxy publishes it on 0.0.0.0:8080 (any network)."
    assert third == (
        "pid 300, user www, container shop-web-1 (image nginx:1.27, compose project shop, service"
        " web)."
    )


@pytest.mark.parametrize("name", ["shop-web-1", "SHOP"])
def test_who_finds_a_container_by_its_name_and_its_project(porteye: Command, name: str) -> None:
    answered = porteye("who", name)
    assert answered.status == 0
    assert answered.out.startswith("nginx listens on 0.0.0.0:80")
