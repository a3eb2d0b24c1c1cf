"""Shared values are kept once for all rows that have them, and no longer."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from porteye_core.shared_values import SharedValues

STEPS = st.lists(st.tuples(st.integers(0, 9), st.none() | st.sampled_from("abcde")), max_size=200)


@given(steps=STEPS)
def test_rows_have_the_values_that_a_dictionary_would_give_them(
    steps: list[tuple[int, str | None]],
) -> None:
    """Each step gives a row a value, or takes the row out."""
    shared: SharedValues[str] = SharedValues(lambda value: value)
    rows: dict[int, int] = {}
    oracle: dict[int, str] = {}
    for row, value in steps:
        before = rows.pop(row, None)
        oracle.pop(row, None)
        if value is not None:
            rows[row] = shared.take(value)
            oracle[row] = value
        if before is not None:
            shared.release(before)
        assert {each: shared.values[index] for each, index in rows.items()} == oracle
        assert {value: count for _, value, count in shared.counted()} == Counter(oracle.values())
        assert len(shared) == len(set(oracle.values()))
    assert all(index < 11 for index, _, _ in shared.counted())  # those that are free are used again


def test_a_change_reaches_every_row_and_what_is_taken_later() -> None:
    shared: SharedValues[str] = SharedValues(lambda value: value)
    first, second = shared.take("a"), shared.take("b")
    shared.release(second)
    shared.change(str.upper)
    assert shared.values[first] == "A"
    assert shared.take("A") == first
    assert shared.take("a") != first
