"""The body of a message begins with what is gravest, and says it in its title."""

import json
from typing import Any

from porteye_core.alerts.message_body import LONGEST_TEXT, body, sentence
from porteye_core.store.alerts import Finding

MINUTE = 60_000_000


def found(verdict: str, port: int | None = 8080, kind: str = "listener", **more: Any) -> Finding:
    return Finding(
        1,
        "key",
        kind,
        verdict,
        at=0,
        found_at=0,
        port=port,
        **{"protocol": "tcp", "program": "nginx", "exposure": "every interface", **more},
    )


UNWATCHED = found("", None, "unwatched", why="Nobody has watched since 1970-01-01 00:00:00 UTC.")


def data(*findings: tuple[Finding, str]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(body("findings", "msg_1", 0, "db1", findings))
    return dict(told["data"])


def test_the_title_is_the_gravest_finding_with_the_number_of_the_others() -> None:
    new, wider = found("new", why="no block has this port"), found("wider", 5432, why="line 9")
    assert data((new, "begin"))["title"] == (
        "db1: new: tcp 8080 by nginx, from every interface (no block has this port)"
    )
    assert data((new, "begin"), (wider, "begin"), (new, "begin"))["title"] == (
        "db1: reachable from further away: tcp 5432 by nginx, from every interface (line 9),"
        " and 2 more"
    )


def test_that_nobody_watches_comes_first_and_what_is_over_last() -> None:
    told = data(
        (found("wider"), "end"),
        (found("new"), "begin"),
        (UNWATCHED, "begin"),
        (found("owner"), "begin"),
    )
    assert [each["verdict"] or each["kind"] for each in told["findings"]] == [
        "unwatched",
        "owner",
        "new",
        "wider",
    ]
    assert told["title"].startswith("db1: Nobody has watched since")


def test_a_long_title_is_cut_and_still_says_how_many_more_there_are() -> None:
    long = found("new", program="x" * 1000)
    title = data((long, "begin"), (long, "begin"))["title"]
    assert len(title) == LONGEST_TEXT
    assert title.endswith("…, and 1 more")


def test_the_end_of_a_gap_says_how_long_it_was() -> None:
    over = found("", None, "unwatched", why="Nobody has watched.", ended_at=3 * MINUTE)
    assert sentence(over, "end") == (
        "watched again: nobody watched from 1970-01-01 00:00:00 UTC to 1970-01-01 00:03:00 UTC"
    )


def test_what_is_over_because_it_was_accepted_says_so() -> None:
    over = found("new", why="no block has this port", ended_why="accepted")
    assert sentence(over, "end").startswith("over, accepted: new: tcp 8080 by nginx")
