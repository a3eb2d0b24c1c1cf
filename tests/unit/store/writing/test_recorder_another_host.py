"""A database that came from another machine, by a copy, a restore or a clone."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from porteye_core.api import create_api
from porteye_core.config import Config
from porteye_core.model import Filters, Precision
from porteye_core.store.reading import open_reader
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Opening
from tests.kit.page import open_page, table, texts
from tests.kit.seeding import PLAN, Instant
from tests.kit.values import HOST, SECOND, endpoint, owned, process

HERE = replace(HOST, name="new", machine_id="m2")


@pytest.fixture
def moved(abandoned: Instant) -> Iterator[Instant]:
    """A database of the machine “here”, into which a monitor of the machine “new” watches."""
    began = abandoned.now + 60 * SECOND
    with open_writer(abandoned.db, HERE, began) as writer:
        writer.begin_watch(began, PLAN)
        python = owned(endpoint(8000), process(300, name="python3"))
        writer.record_changes(began, [Opening(python, began, Precision.GAP)])
        yield Instant(abandoned.db, began)


def test_what_listened_on_another_machine_is_not_open_on_this_one(moved: Instant) -> None:
    with open_reader(moved.db) as reader:
        assert reader.open_now(Filters(), moved.now)["port"].tolist() == [8000]
        assert [each["port"] for each in reader.open_now_records(Filters(), moved.now)] == [8000]
        assert [life.port for life in reader.choices(10)] == [8000]
        (life,) = reader.on_port(80, 10)
        assert life.closed_at == moved.now
        how = reader.coverage_at(moved.now, watching=True)
        assert reader.open_at(Filters(), moved.now, how)["port"].tolist() == [8000]


def test_the_history_keeps_what_listened_on_another_machine(moved: Instant) -> None:
    before = moved.now - 61 * SECOND
    with open_reader(moved.db) as reader:
        then = reader.open_at(Filters(), before, reader.coverage_at(before, watching=True))
        assert then["port"].tolist() == [53, 80, 5432, 8765]
        (event, *_) = reader.event_records(Filters(ports=((80, 80),)))
        assert (event["status"], event["seen"]) == ("closed", "gap")
        assert reader.event_count(Filters(ports=((80, 80),))) == 2
        assert reader.event_count(Filters()) == len(reader.event_records(Filters())) == 11
    with closing(sqlite3.connect(moved.db)) as connection:
        of_hosts = "SELECT count(*) FROM event e JOIN listener l ON l.id = e.listener_id"
        ((differing,),) = connection.execute(f"{of_hosts} WHERE e.host_id != l.host_id")
        assert differing == 0
        ((hosts,),) = connection.execute("SELECT count(DISTINCT host_id) FROM event")
        assert hosts == 2


def test_a_machine_that_comes_back_closes_what_the_other_one_had(moved: Instant) -> None:
    again = moved.now + SECOND
    copy = moved.db.with_name("copy.db")
    with closing(sqlite3.connect(moved.db)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    with open_writer(copy, HOST, again) as writer:
        writer.begin_watch(again, PLAN)
    with open_reader(copy) as reader:
        assert reader.open_now(Filters(), again).empty
        assert reader.status(again).other_hosts == ("new",)


def test_health_names_the_machine_and_those_before_it(moved: Instant) -> None:
    with TestClient(create_api(Config(db=moved.db)), base_url="http://localhost") as client:
        health = client.get("/health").json()
    assert (health["host"], health["elsewhere"], health["other_hosts"]) == ("new", False, ["here"])


def test_a_copy_into_which_nobody_watches_here_says_whose_it_is_and_shows_nothing_as_open(
    abandoned: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTEYE_MONITOR", "off")
    with open_reader(abandoned.db) as reader:
        assert not reader.status(abandoned.now).is_elsewhere
    page = open_page(abandoned.db, monkeypatch)
    assert "another machine" not in texts(page)
    assert list(table(page)["port"]) == [53, 80, 5432, 8765]
    with closing(sqlite3.connect(abandoned.db)) as connection, connection:
        connection.execute("UPDATE host SET machine_id = 'm2'")
    with open_reader(abandoned.db) as reader:
        assert reader.status(abandoned.now).is_elsewhere
    page = open_page(abandoned.db, monkeypatch)
    assert "of another machine, here." in texts(page)
    assert "Nothing is shown as open here." in texts(page)
    assert not page.dataframe
    (link,) = (each for each in page.get("page_link") if each.proto.label == "Whole history")
    assert link.proto.query_string == "range=all"
