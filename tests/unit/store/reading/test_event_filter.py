"""The process filter finds what Python finds in every name and command line, whatever the text."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from porteye_core import filters
from porteye_core.errors import FilterError
from porteye_core.model import Filters, Precision
from porteye_core.store.reading import Reader, open_reader
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Opening
from tests.kit.seeding import PLAN
from tests.kit.values import HOST, endpoint, owned, process

# Quotes, what LIKE and GLOB take for more than itself, and letters of several scripts with a case
# or without; none of those that are one letter in one case and two in the other.
LETTERS = "aAbB09 '\"%_\\*?[]-;/äÄéÉжЖλΛ漢🐍\u0301"
PROGRAMS = 200


def programs() -> list[tuple[str, str]]:
    """The name and the command line of each, by its port less one."""
    draws = random.Random(7)
    some = ["".join(draws.choices(LETTERS, k=draws.randrange(1, 9))) for _ in range(PROGRAMS)]
    return [(name, f"{name} {draws.choice(some)}") for name in some]


STORED = programs()
needles = st.text(LETTERS, max_size=4) | st.sampled_from(STORED).flatmap(
    lambda texts: st.tuples(st.just(texts[1]), st.integers(0, 8), st.integers(1, 8)).map(
        lambda part: part[0][part[1] : part[1] + part[2]].swapcase()
    )
)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    db: Path = tmp_path_factory.mktemp("filter") / "x.db"
    with open_writer(db, HOST, 1) as writer:
        writer.begin_watch(1, PLAN)
        writer.record_changes(
            2,
            [
                Opening(owned(endpoint(port), process(port, 5, *texts)), 2, Precision.POLL)
                for port, texts in enumerate(STORED, start=1)
            ],
        )
        with open_reader(db) as opened:
            yield opened


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(needles)
def test_a_text_is_found_where_python_finds_it(reader: Reader, text: str) -> None:
    wanted = Filters(process=filters.process(text), limit=1000)
    folded = text.strip().casefold()
    expected = {
        port
        for port, texts in enumerate(STORED, start=1)
        if any(folded in each.casefold() for each in texts)
    }
    assert {row["port"] for row in reader.event_records(wanted)} == expected
    assert reader.event_count(wanted) == len(expected)
    if wanted.process:
        named = reader.of_name(wanted.process, 1000)
        assert {life.port for life in named} == expected


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_nul_is_refused_wherever_it_stands(before: str, after: str) -> None:
    with pytest.raises(FilterError, match="NUL"):
        filters.process(f"{before}\0{after}")


@given(st.integers(1, 100_000))
def test_what_is_too_long_is_refused_with_its_length(beyond: int) -> None:
    length = filters.MAX_PROCESS + beyond
    with pytest.raises(FilterError, match=str(length)):
        filters.process("x" * length)
