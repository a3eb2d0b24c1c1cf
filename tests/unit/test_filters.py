"""What people type into filters."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porteye_core import filters
from porteye_core.errors import FilterError
from porteye_core.model import Filters, Protocol
from porteye_core.reach import LOCAL, REACHABLE, Exposure


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("", ()),
        (" , ", ()),
        ("80", ((80, 80),)),
        ("80, 443, 8000-8999", ((80, 80), (443, 443), (8000, 8999))),
        ("0-65535", ((0, 65535),)),
        (" 22 - 23 ", ((22, 23),)),
        ("80 443", ((80, 80), (443, 443))),
        (":3000", ((3000, 3000),)),
        ("3000/tcp", ((3000, 3000),)),
        ("http://localhost:3000/x", ((3000, 3000),)),
        ("Error: listen EADDRINUSE: address already in use :::3000", ((3000, 3000),)),
    ],
)
def test_ports_and_ranges_are_understood(text: str, ranges: object) -> None:
    assert filters.ports(text) == ranges


@pytest.mark.parametrize(
    "text",
    ["x", "-1", "65536", "80-", "90-80", "1e3", "٣", "80 x", "80/tcp, 53/udp", "9" * 5000],
)
def test_what_is_no_port_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(FilterError) as refused:
        filters.ports(text)
    assert refused.value.field == "port"
    assert refused.value.message.endswith(".")
    assert len(refused.value.message) < 100


@given(st.text())
def test_any_text_is_a_port_filter_or_refused(text: str) -> None:
    try:
        ranges = filters.ports(text)
    except FilterError:
        return
    assert all(0 <= low <= high <= 65535 for low, high in ranges)


def test_a_protocol_beside_a_port_narrows_to_it() -> None:
    assert filters.ports_and_protocol("53/udp") == (((53, 53),), Protocol.UDP)
    assert filters.ports_and_protocol("53", Protocol.UDP) == (((53, 53),), Protocol.UDP)
    assert filters.ports_and_protocol("", Protocol.UDP) == ((), Protocol.UDP)
    with pytest.raises(FilterError, match=r"names udp, the protocol filter tcp"):
        filters.ports_and_protocol("53/udp", Protocol.TCP)
    with pytest.raises(FilterError, match=r"both tcp and udp"):
        filters.ports("80/tcp, 53/udp")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ()),
        ("reachable", REACHABLE),
        ("Local", LOCAL),
        ("machine, link", (Exposure.MACHINE, Exposure.LINK)),
        ("local,machine", LOCAL),
    ],
)
def test_words_of_exposure_are_understood(text: str, found: object) -> None:
    assert filters.exposure(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ""),
        ("*", "*"),
        ("127.0.0.1", "127.0.0.1"),
        ("[0:0::1]", "::1"),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
        ("*%lo", "*%lo"),
        ("127.0.0.53%lo", "127.0.0.53%lo"),
    ],
)
def test_addresses_are_understood(text: str, found: str) -> None:
    assert filters.address(text) == found


@pytest.mark.parametrize(
    "refuse",
    [
        lambda: filters.exposure("everyone"),
        lambda: filters.address("localhost"),
        lambda: filters.address("1.2.3"),
        lambda: filters.kind("changed"),
        lambda: filters.user("a\0"),
        lambda: filters.home("x" * 257),
    ],
)
def test_what_no_filter_understands_is_refused_with_a_sentence(
    refuse: Callable[[], object],
) -> None:
    with pytest.raises(FilterError) as refused:
        refuse()
    assert refused.value.message.endswith(".")
    assert refused.value.hint.endswith(".")


@given(st.lists(st.sampled_from(list(Exposure)), max_size=8))
def test_words_of_exposure_say_what_they_stand_for(wanted: list[Exposure]) -> None:
    said = filters.exposure_words(tuple(wanted))
    assert set(filters.exposure(said)) == set(wanted)


def test_a_nul_and_megabytes_are_refused_in_a_process_filter() -> None:
    for text in ("a\0b", "x" * 1_000_000):
        with pytest.raises(FilterError):
            filters.process(text)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2026-01-31T03:10:00Z", 1769829000000000),
        ("2026-01-31T04:10:00+01:00", 1769829000000000),
        ("2026-01-31T04:10:00 01:00", 1769829000000000),  # a plus that nobody escaped
        ("2026-01-31T03:10:00.000001+00:00", 1769829000000001),
        ("", None),
    ],
)
def test_times_with_an_offset_are_understood(text: str, micros: int | None) -> None:
    assert filters.time("since", text) == micros


@pytest.mark.parametrize("text", ["yesterday", "2026-01-31T03:10:00", "1769829000", "9" * 40])
def test_times_that_could_mean_two_things_are_refused(text: str) -> None:
    with pytest.raises(FilterError) as refused:
        filters.time("since", text)
    assert "ISO 8601" in refused.value.hint


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_times_without_a_year_in_utc_are_refused(text: str) -> None:
    with pytest.raises(FilterError, match="out of range"):
        filters.time("since", text)


def test_a_protocol_is_tcp_or_udp() -> None:
    assert filters.protocol("UDP") == "udp"
    assert filters.protocol("") is None
    with pytest.raises(FilterError):
        filters.protocol("sctp")


RANGES = st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(
    lambda ends: tuple(sorted(ends))
)
TIMES = st.none() | st.integers(0, 4 * 10**15)


@given(
    ranges=st.lists(RANGES, max_size=filters.MAX_RANGES).map(tuple),
    word=st.text(max_size=filters.MAX_PROCESS).filter(lambda text: "\0" not in text),
    protocol=st.none() | st.sampled_from(Protocol),
    since=TIMES,
    until=TIMES,
)
def test_the_parameters_of_filters_are_understood_as_the_same_filters(
    ranges: tuple[tuple[int, int], ...],
    word: str,
    protocol: Protocol | None,
    since: int | None,
    until: int | None,
) -> None:
    wanted = Filters(ranges, filters.process(word), protocol, since=since, until=until)
    said = filters.parameters(wanted)
    assert wanted == Filters(
        filters.ports(said.get("port", "")),
        filters.process(said.get("process", "")),
        filters.protocol(said.get("protocol", "")),
        since=filters.time("since", said.get("since", "")),
        until=filters.time("until", said.get("until", "")),
    )
