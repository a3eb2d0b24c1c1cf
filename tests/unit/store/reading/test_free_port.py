"""A free port: nobody listens on it, nobody has for a month, and none has a use for it."""

from pathlib import Path

import pytest

from porteye_core.model import Precision
from porteye_core.store.reading import open_reader
from porteye_core.store.reading.free_port import UNUSED_FOR
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.values import HOST, SECOND, endpoint, owned

NOW = 20_000 * 86_400 * SECOND
LONG_AGO, LATELY = NOW - UNUSED_FOR - SECOND, NOW - UNUSED_FOR + SECOND


def live(writer: Writer, port: int, opened: int, closed: int | None) -> None:
    opening = Opening(owned(endpoint(port)), opened, Precision.KERNEL)
    (born,) = writer.record_changes(opened, [opening])
    if closed is not None:
        writer.record_changes(closed, closed=[Closing(born, closed, Precision.KERNEL)])


def free(db: Path, *candidates: int) -> int | None:
    with open_reader(db) as reader:
        found = reader.free_port(candidates, NOW)
    return found.port if found else None


@pytest.mark.parametrize(
    ("opened", "closed"), [(LONG_AGO, None), (LONG_AGO, LATELY), (LATELY, LATELY)]
)
def test_a_port_that_was_used_in_the_last_30_days_is_not_free(
    db: Path, writer: Writer, opened: int, closed: int | None
) -> None:
    live(writer, 21_001, opened, closed)
    assert free(db, 21_001) is None
    assert free(db, 21_001, 21_002) == 21_002


def test_a_port_whose_last_use_is_longer_ago_is_free(db: Path, writer: Writer) -> None:
    live(writer, 21_001, LONG_AGO - SECOND, LONG_AGO)
    assert free(db, 21_001) == 21_001


def test_a_port_with_a_usual_use_is_not_offered(db: Path, writer: Writer) -> None:
    assert free(db, 5432, 6379, 8080, 21_001) == 21_001


def test_it_is_said_how_far_back_is_known(db: Path, writer: Writer) -> None:
    def known(now: int) -> tuple[int, bool]:
        with open_reader(db) as reader:
            found = reader.free_port([21_001], now)
        assert found
        return found.since, found.whole

    assert known(NOW) == (NOW - UNUSED_FOR, True)
    assert known(3 * SECOND) == (SECOND, False)  # the watch of the fixture began then


def test_nobody_who_has_not_watched_knows_a_free_port(db: Path) -> None:
    with open_writer(db, HOST, 1):
        assert free(db, 21_001) is None
