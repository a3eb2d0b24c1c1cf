"""A judged machine for the tests of the alerts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.judging import Judged, judged


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Judged]:
    with judged(tmp_path) as made:
        yield made
