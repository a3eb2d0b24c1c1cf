"""Names and patterns of hosts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porteye_core.errors import FilterError
from porteye_core.host_patterns import MAX_LENGTH, MAX_PATTERNS, matches, parse


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", "anything"),
        (" , ", "anything"),
        ("db1", "db1"),
        ("db1, web*", "web1.example"),
        ("WEB1", "web1"),
        ("web1", "WEB1"),
        ("web?", "web9"),
        ("web[12]", "web2"),
        ("web[!1]", "web2"),
        ("a]", "a]"),
        ("größe*", "GRÖSSE-1"),
    ],
)
def test_a_host_is_meant_by_its_name_or_a_pattern_in_any_case(text: str, name: str) -> None:
    assert matches(parse(text), name)


@pytest.mark.parametrize(
    ("text", "name"),
    [("db1", "db12"), ("db1", "xdb1"), ("web?", "web10"), ("web*", "db1"), ("web[!1]", "web1")],
)
def test_a_pattern_means_whole_names(text: str, name: str) -> None:
    assert not matches(parse(text), name)


def test_a_pattern_that_is_written_twice_counts_once() -> None:
    assert parse("web1, WEB1 ,, web1") == ("web1",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("web[1", "opens a bracket"),
        ("web[1,2]", "opens a bracket"),
        ("a\0b", "control character"),
        ("a\nb", "control character"),
        ("x" * (MAX_LENGTH + 1), f"{MAX_LENGTH + 1} characters"),
        (",".join(f"h{n}" for n in range(MAX_PATTERNS + 1)), f"More than {MAX_PATTERNS}"),
    ],
)
def test_what_is_no_pattern_is_refused_with_a_sentence(text: str, message: str) -> None:
    with pytest.raises(FilterError, match=message) as refused:
        parse(text, "host")
    assert refused.value.field == "host"
    assert refused.value.message.endswith(".")
    assert refused.value.hint


@given(st.text(), st.text())
def test_any_text_is_patterns_or_refused(text: str, name: str) -> None:
    try:
        patterns = parse(text)
    except FilterError:
        return
    assert matches(patterns, name) or patterns


def test_many_asterisks_are_answered() -> None:
    assert not matches(parse("*a" * 100 + "b"), "a" * 200)
