"""The place of an event among those of all hosts, as a text of an address."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from porteye_core.errors import FilterError
from porteye_core.store.fleet.many_hosts.newest_events import EventPlace

BIG = st.integers(-(2**63) + 1, 2**63 - 1)


@given(BIG, st.integers(0, 2**31 - 1), BIG)
def test_a_place_is_read_as_it_was_written(at: int, host_id: int, number: int) -> None:
    place = EventPlace(at, host_id, number)
    assert EventPlace.of(str(place)) == place


@given(st.text(alphabet="0123456789.-x٣ "))
def test_any_text_is_a_place_of_the_server_or_refused(text: str) -> None:
    with suppress(FilterError):
        place = EventPlace.of(text)
        assert max(abs(place.at), abs(place.id)) < 2**63
        assert 0 <= place.host_id < 2**31
