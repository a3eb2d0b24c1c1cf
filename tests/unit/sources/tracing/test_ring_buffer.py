"""Pages captured from a kernel by tests/data/capture_trace_pages.py, whole and damaged."""

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porteye_core.errors import SourceError
from porteye_core.sources.tracing.format import event_format, page_layout
from porteye_core.sources.tracing.ring_buffer import Decoder, Page, PageLayout
from tests.kit.service import PROJECT

DATA = PROJECT / "tests" / "data/trace_pages"
FIRST_PORT, PAUSE = 45000, 200_000_000
LISTEN, CLOSE = 10, 7
LAYOUT = page_layout(
    (DATA / "header_page.txt").read_text(),
    (DATA / "header_event.txt").read_text(),
    little_endian=True,
)
EVENT = event_format((DATA / "format.txt").read_text())
STATE_AND_PORT = EVENT.unpacker("newstate", "sport")
PAGES = {path.stem: path.read_bytes() for path in DATA.glob("*.page")}
DECODER = Decoder(LAYOUT)


def decoded(page: Page) -> list[tuple[int, int]]:
    return [STATE_AND_PORT.unpack_from(payload) for _, payload in page.records]


def made(*words: int, start: int = 1000, missed: int = 0, layout: PageLayout = LAYOUT) -> bytes:
    order = "<" if layout.little_endian else ">"
    body = struct.pack(f"{order}{len(words)}I", *words)
    return struct.pack(f"{order}QQ", start, len(body) | missed) + body


def head(kind: int, delta: int) -> int:
    return delta << 5 | kind


def test_a_full_page_gives_every_listener_in_order() -> None:
    page = DECODER.decode(PAGES["full"])
    states = decoded(page)
    assert states[:4] == [
        (LISTEN, FIRST_PORT),
        (CLOSE, FIRST_PORT),
        (LISTEN, FIRST_PORT + 1),
        (CLOSE, FIRST_PORT + 1),
    ]
    assert [port for _, port in states] == [FIRST_PORT + n // 2 for n in range(len(states))]
    assert (page.missed, page.malformed) == (0, 0)


def test_a_pause_longer_than_a_header_holds_is_counted() -> None:
    times = [at for at, _ in DECODER.decode(PAGES["pause"]).records]
    assert times == sorted(times)
    assert PAUSE < times[2] - times[1] < PAUSE + 50_000_000


def test_what_was_lost_before_a_page_is_the_number_that_the_kernel_stored() -> None:
    page = DECODER.decode(PAGES["missed"])
    before = decoded(DECODER.decode(PAGES["full"]))
    first, last = decoded(page)[0], before[-1]
    lost = 2 * (first[1] - last[1]) + (first[0] == CLOSE) - (last[0] == CLOSE) - 1
    assert (page.missed, page.malformed) == (lost, 0)


def test_a_loss_of_unknown_size_counts_as_one() -> None:
    page = DECODER.decode(made(head(1, 0), 7, missed=1 << 31))
    assert (len(page.records), page.missed, page.malformed) == (1, 1, 0)


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_cut_at_any_byte_gives_a_beginning_of_its_records(name: str) -> None:
    whole = DECODER.decode(PAGES[name])
    commit = int.from_bytes(PAGES[name][8:12], "little") & (1 << 30) - 1
    for size in range(LAYOUT.data_offset + commit):
        cut = DECODER.decode(PAGES[name][:size])
        assert cut.records == whole.records[: len(cut.records)]
        assert cut.malformed == 1
    assert DECODER.decode(PAGES[name][: LAYOUT.data_offset + commit]).malformed == 0


def test_long_records_padding_and_time_stamps_are_understood() -> None:
    page = DECODER.decode(
        made(
            head(0, 1), 8, 77,  # a length of eight: itself and one word
            head(29, 5), 8, 0,  # a discarded record, whose time counts
            head(31, 3), 1, head(1, 2), 88,  # an absolute time
            head(30, 4), 1, head(1, 0), 99,  # an extended delta
            head(29, 0), 12345, 1,  # nothing but padding from here
        )
    )  # fmt: skip
    absolute = (1 << 27) + 3 + 2
    extended = absolute + (1 << 27) + 4
    assert [(at, int.from_bytes(data, "little")) for at, data in page.records] == [
        (1001, 77),
        (absolute, 88),
        (extended, 99),
    ]
    assert page.malformed == 0


def test_an_absolute_time_keeps_the_upper_bits_of_the_page() -> None:
    page = DECODER.decode(made(head(31, 0), 1, head(1, 0), 7, start=3 << 59))
    assert page.records[0][0] == (3 << 59) + (1 << 27)


def test_big_endian_pages_are_understood() -> None:
    layout = replace(LAYOUT, little_endian=False)
    page = Decoder(layout).decode(made(1 << 27 | 9, 7, layout=layout))
    assert page == Page([(1009, b"\0\0\0\7")], 0, 0)


@pytest.mark.parametrize("length", [0, 1, 3, 5000, 0xFFFFFFFF])
def test_an_impossible_length_ends_the_page_and_is_counted(length: int) -> None:
    page = DECODER.decode(made(head(1, 0), 7, head(0, 0), length, 1, 2))
    assert (len(page.records), page.malformed) == (1, 1)


@given(st.binary(max_size=5000))
def test_no_bytes_raise_or_keep_the_decoder(noise: bytes) -> None:
    page = DECODER.decode(noise)
    assert len(page.records) <= len(noise) // 4


@given(st.lists(st.integers(0, 0xFFFFFFFF), max_size=300), st.integers(0, 2**64 - 1))
def test_no_words_raise_or_keep_the_decoder(words: list[int], start: int) -> None:
    page = DECODER.decode(made(*words, start=start))
    assert sum(4 + len(data) for _, data in page.records) <= 4 * len(words)


@given(
    st.sampled_from(sorted(PAGES)),
    st.lists(st.tuples(st.integers(0, 4095), st.integers(0, 255)), min_size=1, max_size=20),
)
def test_no_damage_to_a_page_raises_or_keeps_the_decoder(
    name: str, damage: list[tuple[int, int]]
) -> None:
    page = bytearray(PAGES[name])
    for at, value in damage:
        page[at] = value
    assert len(DECODER.decode(bytes(page)).records) <= len(page) // 4


def test_a_field_that_the_kernel_lacks_is_named() -> None:
    with pytest.raises(SourceError, match="cgroup"):
        EVENT.unpacker("skaddr", "cgroup")


def test_texts_that_describe_nothing_are_refused() -> None:
    with pytest.raises(SourceError):
        event_format("")
    with pytest.raises(SourceError):
        page_layout("", "", little_endian=True)
