"""The place of an event in the URL."""

from hypothesis import given
from hypothesis import strategies as st

from porteye_core.store.fleet.many_hosts.questions import EventPlace
from porteye_core.ui.fleet.event_table import place_of, place_text

BIG = st.integers(-(10**18) + 1, 10**18 - 1)


@given(BIG, st.integers(0, 2**31 - 1), BIG)
def test_a_place_is_read_as_it_was_written(at: int, host_id: int, number: int) -> None:
    place = EventPlace(at, host_id, number)
    assert place_of(place_text(place)) == place


@given(st.text(alphabet="0123456789.-x٣ "))
def test_any_text_is_a_place_or_none(text: str) -> None:
    place = place_of(text)
    assert place is None or abs(place.at) < 10**18
