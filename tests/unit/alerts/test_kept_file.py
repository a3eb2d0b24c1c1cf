"""A file of settings: the last good one stays in force."""

from pathlib import Path

import pytest

from porteye_core.alerts.kept_file import KeptFile
from porteye_core.errors import ConfigError


def find(file: Path) -> Path:
    if not file.exists():
        raise ConfigError("There is none.")
    return file


def parse(text: str, _: Path) -> int:
    try:
        return int(text)
    except ValueError:
        raise ConfigError(f"“{text}” is no number.") from None


def kept(file: Path, *, is_named: bool = True, is_optional: bool = False) -> KeptFile[int]:
    return KeptFile(
        "n",
        lambda: find(file),
        Path.read_text,
        parse,
        is_named=is_named,
        is_optional=is_optional,
    )


def test_a_file_is_read_once_until_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "n"
    file.write_text("1")
    number = kept(file)
    assert number.has_changed()
    assert not number.has_changed()
    file.write_text("22")
    assert number.has_changed()
    assert (number.value, number.good_text, number.trouble) == (22, "22", "")


def test_a_wrong_file_leaves_the_good_one_in_force_and_says_why(tmp_path: Path) -> None:
    file = tmp_path / "n"
    file.write_text("1")
    number = kept(file)
    number.has_changed()
    file.write_text("one")
    assert number.has_changed()
    assert (number.value, number.trouble) == (1, "“one” is no number.")
    file.unlink()
    assert number.has_changed()
    assert (number.value, number.trouble) == (1, "There is none.")
    assert not number.has_changed()
    file.write_text("1")
    assert number.has_changed()
    assert (number.value, number.trouble) == (1, "")


def test_a_file_that_need_not_be_there_is_out_of_force_without_it(tmp_path: Path) -> None:
    file = tmp_path / "n"
    number = kept(file, is_named=False, is_optional=True)
    assert not number.has_changed()
    file.write_text("1")
    assert number.has_changed()
    file.unlink()
    assert number.has_changed()
    assert (number.value, number.trouble) == (None, "")


def test_a_file_that_was_not_named_and_is_gone_is_out_of_force_and_that_is_said(
    tmp_path: Path,
) -> None:
    file = tmp_path / "n"
    file.write_text("1")
    number = kept(file, is_named=False)
    number.has_changed()
    file.unlink()
    assert number.has_changed()
    assert (number.value, number.good_text, number.trouble) == (None, "", "There is none.")
    assert not number.has_changed()
    file.write_text("one")
    assert number.has_changed()
    assert number.value is None


def test_a_named_file_that_is_gone_is_said_even_if_it_need_not_be_there(tmp_path: Path) -> None:
    file = tmp_path / "n"
    file.write_text("1")
    number = kept(file, is_optional=True)
    number.has_changed()
    file.unlink()
    assert number.has_changed()
    assert (number.value, number.trouble) == (1, "There is none.")


@pytest.mark.parametrize(("text", "value"), [("7", 7), ("of another version", None)])
def test_the_text_of_the_last_time_is_taken_up_if_it_can_be(
    tmp_path: Path, text: str, value: int | None
) -> None:
    number = kept(tmp_path / "n")
    number.take(text)
    assert number.has_changed()
    assert (number.value, number.trouble) == (value, "There is none.")
