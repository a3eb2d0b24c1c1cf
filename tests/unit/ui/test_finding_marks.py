"""Findings on the History and on the Timeline."""

import json

import pytest

from porteye_core.store.alerts import beside
from porteye_core.ui.finding_marks import in_words
from tests.kit.alerts import UNWATCHED, WIDER, fill
from tests.kit.page import open_page, switch, table
from tests.kit.seeding import Instant


def test_an_opening_has_the_verdict_of_its_finding(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(beside(seeded.db), seeded.now)
    page = switch(open_page(seeded.db, monkeypatch, {"range": "all"}), "history")
    found = table(page)
    marked = found[found["finding"].map(len) > 0]
    assert marked["port"].tolist() == [80]
    assert [list(each) for each in marked["finding"]] == [["wider"]]


def test_without_findings_history_and_timeline_are_as_they_were(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = switch(open_page(seeded.db, monkeypatch, {"range": "all"}), "history")
    assert "finding" not in table(history)
    timeline = switch(open_page(seeded.db, monkeypatch, {"range": "24h"}), "timeline")
    assert "not as expected" not in str(timeline.get("plotly_chart")[0].proto.spec)


def test_the_timeline_marks_the_findings_of_its_range(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(beside(seeded.db), seeded.now)
    timeline = switch(open_page(seeded.db, monkeypatch, {"range": "24h"}), "timeline")
    assert not timeline.exception
    traces = json.loads(timeline.get("plotly_chart")[0].proto.spec)["data"]
    of_port, of_watch = (each for each in traces if each.get("name") == "not as expected")
    assert of_port["customdata"][0].startswith("80/tcp nginx, wider: line 5 expects it")
    assert of_watch["customdata"][0].startswith("nobody watched since 03:10")


def test_a_finding_is_told_in_few_words() -> None:
    assert in_words(WIDER) == "80/tcp nginx, wider: line 5 expects it from this machine only"
    assert in_words(UNWATCHED) == "nobody watched since 03:10"
