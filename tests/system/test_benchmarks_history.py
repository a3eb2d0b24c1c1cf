"""The history is asked what page and API ask, beside plain forms that answer the same."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.history.benchmark import plan, timed
from benchmarks.history.questions import Asked, asked
from benchmarks.load.worker import worker
from benchmarks.seed import seed
from benchmarks.seeding.scale import Scale
from porteye_core.model import Filters
from porteye_core.store.engine import Connection
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading.export import Form, history
from porteye_core.store.reading.listener_rows import Question

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("history") / "seeded.db"
    seed(path, Scale(days=30, listeners=40, events=4000, seed=5, sample_days=0.1))
    return path


@pytest.fixture(scope="module")
def questions(db: Path) -> list[Asked]:
    with open_connection(db) as connection:
        return asked(connection, db)


def test_every_question_answers_as_its_plain_form_does(db: Path, questions: list[Asked]) -> None:
    found = [timed(db, question, rounds=2) for question in questions]
    assert all(len(each.took) == len(each.worked) == 2 for each in found)
    compared = {each.asked.name: each.same for each in found if each.same is not None}
    assert len(compared) == 20
    assert all(compared.values())


def test_the_pages_are_about_something(db: Path, questions: list[Asked]) -> None:
    with open_connection(db) as connection:
        sizes = {each.name: len(each.ask(connection)) for each in questions if each.plain}
    assert sizes["history: an absent word"] == 0
    assert sizes["history: no filter"] == sizes["history: a common word"] == 100
    assert 0 < sizes["history: a rare word"] < 100
    assert sizes["history: a rare port"] > 0


def test_an_answer_that_differs_is_said(db: Path, questions: list[Asked]) -> None:
    wrong = replace(questions[0], plain=Question("SELECT 1", ()))
    assert timed(db, wrong, rounds=1).same is False
    assert timed(db, wrong, rounds=1, plain=False).same is None


def test_a_plan_names_the_statements_and_how_they_are_searched(db: Path) -> None:
    def ask(connection: Connection) -> list[Any]:
        return connection.execute("SELECT at FROM event WHERE port = ?", (22,)).fetchall()

    assert plan(db, Asked("ssh", ask)) == (
        "The plan of “ssh”:\nSELECT at FROM event WHERE port = 22\n"
        "    SEARCH event USING INDEX event_port (port=?)"
    )


def test_every_question_has_a_plan(db: Path, questions: list[Asked]) -> None:
    for each in questions:
        assert "SEARCH" in plan(db, each) or "SCAN" in plan(db, each), each.name


@pytest.mark.parametrize("kind", ["CSV", "JSON"])
def test_an_export_runs_in_its_own_process_and_says_its_peak(db: Path, kind: str) -> None:
    with worker("history.exports", db, kind, 10_000, bare=False) as exporting:
        done = exporting.answer()
    with open_connection(db) as connection:
        whole = sum(map(len, history(connection, Form(kind.lower()), Filters())))
    assert done["characters"] == whole
    assert 5_000 < done["peak"] < 150_000
