"""Turns of many hosts: stored together, or none of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from porteye_core.alerts.shared_turns import SharedTurns
from porteye_core.store.alerts import (
    Connection,
    Cursor,
    beside,
    followed_hosts,
    open_to_read,
    open_to_write,
    set_cursor,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return beside(tmp_path / "porteye.db")


@pytest.fixture
def connection(file: Path) -> Iterator[Connection]:
    with open_to_write(file) as opened:
        yield opened


def follow(connection: Connection, host: str) -> None:
    set_cursor(connection, Cursor(0, "", "", 0, 0, "", 0, host=host))


def stored(file: Path) -> list[str]:
    """The hosts that another process finds."""
    with open_to_read(file) as other:
        return followed_hosts(other)


def test_a_turn_alone_is_stored_at_its_end(connection: Connection, file: Path) -> None:
    turns = SharedTurns(connection, file)
    with turns.turn():
        follow(connection, "web1")
    assert stored(file) == ["web1"]


def test_turns_together_are_stored_at_the_end_of_all(connection: Connection, file: Path) -> None:
    turns = SharedTurns(connection, file)
    with turns.together():
        with turns.turn():
            follow(connection, "web1")
        with turns.turn():
            follow(connection, "web2")
        assert connection.in_transaction
    assert stored(file) == ["web1", "web2"]
    with turns.turn():
        follow(connection, "web3")
    assert stored(file) == ["web1", "web2", "web3"]


def test_an_error_in_one_of_them_stores_none(connection: Connection, file: Path) -> None:
    turns = SharedTurns(connection, file)

    def be_killed() -> None:
        with turns.together():
            with turns.turn():
                follow(connection, "web1")
            with turns.turn():
                raise ValueError("killed")

    with pytest.raises(ValueError, match="killed"):
        be_killed()
    assert stored(file) == []


def test_without_a_turn_nobody_is_kept_waiting(connection: Connection, file: Path) -> None:
    with SharedTurns(connection, file).together():
        assert not connection.in_transaction
