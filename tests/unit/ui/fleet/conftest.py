"""A fleet for all tests of a module."""

from collections.abc import Iterator

import pytest

from tests.kit.fleet import Fleet
from tests.kit.fleet_states import wait_for_ever
from tests.kit.many_hosts import many_hosts


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """Four hosts that report: alpha, beta, gamma and delta."""
    with many_hosts() as (running, _):
        wait_for_ever(running)
        yield running
