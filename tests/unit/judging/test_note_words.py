"""Words of a note are checked before they are stored."""

import pytest

from porteye_core.errors import FilterError
from porteye_core.judging.note_words import MAX_LABEL, MAX_TEXT, Words, checked, is_link


def test_words_are_kept_without_the_blanks_around_them() -> None:
    assert checked(" SSH ", " a \n b", "https://wiki.example/x ") == Words(
        "SSH", "a\nb", "https://wiki.example/x"
    )
    assert checked("", "", "") == Words()


def test_control_and_direction_marks_are_shown_as_text() -> None:
    assert checked("a\x1b[31m\u202eb", "x\0y", "") == Words("a\\x1b[31m\\u202eb", "x\\x00y", "")


@pytest.mark.parametrize(
    "link",
    [
        *("javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "file:///etc/passwd"),
        *("//wiki.example", "wiki.example", "http://", "https:///x", "http://[", "http://a b"),
    ],
)
def test_a_link_is_one_of_the_web(link: str) -> None:
    assert not is_link(link)
    with pytest.raises(FilterError, match="is not a link"):
        checked("", "", link)


@pytest.mark.parametrize(
    ("label", "text", "link"),
    [
        ("x" * (MAX_LABEL + 1), "", ""),
        ("", "x" * (MAX_TEXT + 1), ""),
        ("", "", f"http://{'x' * 500}"),
    ],
)
def test_what_is_too_long_is_refused(label: str, text: str, link: str) -> None:
    with pytest.raises(FilterError, match="characters"):
        checked(label, text, link)
