"""Events by id, for a process that follows them."""

from pathlib import Path

from porteye_core.model import Closing, Kind, Opening, Precision
from porteye_core.store.reading import open_row_reader
from porteye_core.store.writing.writer import Writer
from tests.kit.seeding import NGINX, POSTGRES
from tests.kit.values import SECOND, owned, process


def test_events_follow_in_their_order_with_the_listeners_that_opened(
    db: Path, writer: Writer
) -> None:
    nginx, _ = writer.record_changes(
        3 * SECOND, [Opening(each, 3 * SECOND, Precision.POLL) for each in (NGINX, POSTGRES)]
    )
    writer.record_changes(4 * SECOND, closed=[Closing(nginx, 4 * SECOND, Precision.POLL)])
    with open_row_reader(db) as reader:
        assert reader.newest().event == 3
        first, *_ = reader.following(0, 1)
        assert (first.kind, first.life and first.life.process) == (Kind.OPENED, "nginx")
        second, third = reader.following(first.id, 9)
        assert second.life
        assert second.life.port == 5432
        assert (third.kind, third.listener_id, third.life) == (Kind.CLOSED, nginx.id, None)
        assert reader.following(third.id, 9) == []
        assert [each.process for each in reader.open_lives()] == ["postgres"]


def test_an_event_is_known_again_and_one_that_is_not_there_is_none(
    db: Path, writer: Writer
) -> None:
    writer.record_changes(3 * SECOND, [Opening(NGINX, 3 * SECOND, Precision.POLL)])
    with open_row_reader(db) as reader:
        assert reader.event_mark(1)
        assert reader.event_mark(1) == reader.event_mark(1)
        assert reader.event_mark(2) is None


def test_another_owner_changes_the_number_of_a_listener(db: Path, writer: Writer) -> None:
    listeners = writer.record_changes(
        3 * SECOND, [Opening(each, 3 * SECOND, Precision.POLL) for each in (NGINX, POSTGRES)]
    )
    with open_row_reader(db) as reader:
        before = reader.owners()
    other = owned(NGINX.socket.endpoint, process(101, name="nc"))
    writer.record_changes(4 * SECOND, reowned=[(listeners[0], other)])
    with open_row_reader(db) as reader:
        after = reader.owners()
    assert before.keys() == after.keys() == {each.id for each in listeners}
    assert [before[each.id] == after[each.id] for each in listeners] == [False, True]
