"""Masking, over a table of command lines as they are found on real machines."""

import re
import shlex

import pytest

from porteye_core.owner.masking import MASK, mask
from tests.data.command_lines import HARMLESS, WITH_SECRETS

_SECRET = re.compile(r"\{(.+?)\}")


@pytest.mark.parametrize("line", WITH_SECRETS)
def test_of_the_secret_nothing_is_left_and_the_rest_stays(line: str) -> None:
    secrets = _SECRET.findall(line)
    words = shlex.split(_SECRET.sub(lambda found: found[1], line))
    masked = " ".join(mask(words))
    assert not [each for each in secrets if each in masked]
    assert not [half for each in secrets for half in (each[:8], each[-8:]) if half in masked]
    assert masked.count(MASK) >= 1
    kept = [word for word in shlex.split(line) if not _SECRET.search(word)]
    assert [word for word in kept if word not in masked] == []


@pytest.mark.parametrize("line", HARMLESS)
def test_what_holds_no_secret_is_unchanged(line: str) -> None:
    assert mask(shlex.split(line)) == shlex.split(line)


def test_the_tables_are_as_long_as_is_promised() -> None:
    assert len(WITH_SECRETS) >= 40
    assert len(HARMLESS) >= 25
