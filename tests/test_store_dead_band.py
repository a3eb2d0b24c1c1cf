"""Which samples are worth a row."""

from dataclasses import replace

import pytest

from porteye_core.model import Sample
from porteye_core.store.dead_band import KEEP_ALIVE_US, DeadBand

STORED = Sample(1, cpu=1000, rss=100 << 20, clients=3, queue=0, backlog=128)


@pytest.fixture
def band() -> DeadBand:
    band = DeadBand()
    band.keep(band.moved([STORED], 0), 0)
    return band


def test_the_first_sample_is_stored_and_the_same_again_is_not(band: DeadBand) -> None:
    assert DeadBand().moved([STORED], 0) == [STORED]
    assert band.moved([STORED], 10) == []


@pytest.mark.parametrize(
    "moved",
    [
        replace(STORED, cpu=1101),
        replace(STORED, cpu=None),
        replace(STORED, rss=106 << 20),
        replace(STORED, rss=94 << 20),
        replace(STORED, clients=4),
        replace(STORED, queue=1),
        replace(STORED, backlog=256),
    ],
)
def test_what_a_person_would_call_a_change_is_stored(band: DeadBand, moved: Sample) -> None:
    assert band.moved([moved], 10) == [moved]


@pytest.mark.parametrize("changed", [{"cpu": 1099}, {"cpu": 901}, {"rss": 104 << 20}])
def test_a_flutter_is_not(band: DeadBand, changed: dict[str, int]) -> None:
    assert band.moved([replace(STORED, **changed)], 10) == []


def test_slow_drift_is_measured_from_what_is_stored(band: DeadBand) -> None:
    drifted = [replace(STORED, cpu=1000 + 60 * step) for step in (1, 2)]
    assert band.moved(drifted[:1], 10) == []
    assert band.moved(drifted[1:], 20) == drifted[1:]


def test_an_unchanged_sample_is_stored_again_after_five_minutes(band: DeadBand) -> None:
    assert band.moved([STORED], KEEP_ALIVE_US) == [STORED]


def test_what_was_not_kept_is_offered_again(band: DeadBand) -> None:
    changed = replace(STORED, clients=9)
    assert band.moved([changed], 10) == band.moved([changed], 20) == [changed]


def test_a_listener_that_has_gone_is_forgotten(band: DeadBand) -> None:
    band.keep([], 3 * KEEP_ALIVE_US)
    assert not band._stored
