"""What waits in memory is bounded, and what is dropped is counted."""

from porteye_core.model import Opening, Precision, Sample, Tick
from porteye_core.store.writing import write_queue
from porteye_core.store.writing.write_queue import WriteQueue
from porteye_core.store.writing.write_records import Changed, SamplingTick
from tests.kit.values import SECOND, endpoint, owned

A_TENTH = write_queue.MAX_SAMPLES // 10


def tick(number: int, samples: int) -> SamplingTick:
    tick = Tick(number * SECOND, number * SECOND, samples, 0, scan_us=1, hidden=0)
    return SamplingTick(tick, tuple(Sample(each, 1, 1, 0, 0, 0) for each in range(samples)))


def test_of_too_many_samples_the_oldest_go_and_every_tick_stays() -> None:
    waiting = WriteQueue()
    for number in range(15):
        waiting.add(tick(number, A_TENTH))
    ticks = [each for each in waiting.records if isinstance(each, SamplingTick)]
    assert [each.tick.at for each in ticks] == [number * SECOND for number in range(15)]
    assert [bool(each.samples) for each in ticks] == [False] * 5 + [True] * 10
    assert waiting.lost_samples == 5 * A_TENTH


def test_it_is_full_of_changes_or_of_ticks_and_empty_once_they_are_stored() -> None:
    opening = Opening(owned(endpoint(1)), 1, Precision.POLL)
    waiting = WriteQueue()
    for number in range(write_queue.MAX_CHANGES):
        assert not waiting.is_full
        waiting.add(Changed(number, ((number, opening),)))
    assert waiting.is_full
    assert waiting.changes == write_queue.MAX_CHANGES
    waiting.clear()
    assert (waiting.is_full, waiting.changes, waiting.records) == (False, 0, [])
    for number in range(write_queue.MAX_RECORDS):
        assert not waiting.is_full
        waiting.add(tick(number, 0))
    assert waiting.is_full
