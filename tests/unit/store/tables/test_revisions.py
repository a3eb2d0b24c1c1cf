"""What becomes known of a listener after its opening is noted for those who follow events."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from porteye_core.containers import Container
from porteye_core.model import Listener, Opening, Precision
from porteye_core.store.tables import revisions
from porteye_core.store.writing.writer import Writer
from tests.kit.values import SECOND, endpoint, owned, process

AT = 10 * SECOND


def opened(writer: Writer, port: int = 80, container: str = "") -> Listener:
    owner = replace(process(port), container=container)
    found = owned(endpoint(port), owner if container else None)
    (listener,) = writer.record_changes(AT, [Opening(found, AT, Precision.POLL)])
    return listener


def revised(db: Path) -> list[tuple[int, int]]:
    with closing(sqlite3.connect(db)) as connection:
        return connection.execute("SELECT seq, listener_id FROM revised ORDER BY seq").fetchall()


def test_an_opening_alone_is_no_revision(db: Path, writer: Writer) -> None:
    opened(writer)
    assert revised(db) == []


def test_an_owner_that_is_learnt_later_is_one(db: Path, writer: Writer) -> None:
    listener = opened(writer)
    writer.record_changes(AT + 1, reowned=[(listener, owned(endpoint(80), process(7)))])
    assert revised(db) == [(1, listener.id)]


def test_a_listener_that_is_out_of_sight_is_one(db: Path, writer: Writer) -> None:
    listener = opened(writer)
    writer.record_changes(AT + 1, unseen=[replace(listener, unseen_at=AT + 1)])
    assert revised(db) == [(1, listener.id)]


def test_a_namespace_that_is_found_later_is_one(db: Path, writer: Writer) -> None:
    listener = opened(writer)
    writer.record_placed(AT + 1, [(listener.id, 4026531840)])
    assert revised(db) == [(1, listener.id)]


def test_a_name_of_a_container_revises_its_open_listeners(db: Path, writer: Writer) -> None:
    opened(writer)
    inside = opened(writer, 81, "docker:c0ffee")
    writer.record_containers(AT, [Container("docker", "c0ffee", "shop-web-1")])
    assert revised(db) == [(1, inside.id)]


def test_the_newest_alone_are_kept_under_numbers_that_only_grow(
    db: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions, "KEPT", 3)
    listener = opened(writer)
    for second in range(1, 6):
        seen = owned(endpoint(80), process(second))
        writer.record_changes(AT + second, reowned=[(listener, seen)])
    assert [seq for seq, _ in revised(db)] == [3, 4, 5]
