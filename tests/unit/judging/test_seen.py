"""Reaches are compared also where one of them is not known."""

from itertools import product

import pytest

from porteye_core.judging.seen import is_within
from porteye_core.reach import Exposure


@pytest.mark.parametrize(("exposure", "reach"), list(product(Exposure, Exposure)))
def test_a_reach_that_is_not_known_is_within_the_widest_alone(
    exposure: Exposure, reach: Exposure
) -> None:
    found = is_within(exposure, reach)
    if reach is Exposure.EVERYWHERE:
        assert found is True
    elif Exposure.UNKNOWN in (exposure, reach):
        assert found is None
    else:
        assert found is not None
