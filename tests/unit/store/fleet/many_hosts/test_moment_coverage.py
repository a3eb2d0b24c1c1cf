"""How well a host was watched at a moment, and what is said of one that was not."""

from collections.abc import Iterator

import pytest

from porteye_core.store.fleet.hosts import FleetHost, HostState, hosts
from porteye_core.store.fleet.many_hosts.doubts import doubts
from porteye_core.store.fleet.many_hosts.moment_coverage import coverages
from porteye_core.store.fleet.many_hosts.reader import open_fleet
from porteye_core.store.reading import Gap, MomentCoverage
from tests.kit.fleet import Fleet, fleet
from tests.kit.postgres import needs_postgres

pytestmark = needs_postgres

_INTERVAL = 2_000_000
_WATCHED = MomentCoverage(None, _INTERVAL)


@pytest.fixture(scope="module")
def running() -> Iterator[Fleet]:
    """A host with two watches, of which the second goes on, and an interruption in the first."""
    with fleet() as made:
        made.enrol("web")
        made.ask("UPDATE host SET received_at = now_us(), skew = 0")
        for number, since, seen, stopped in ((1, 1000, 1900, 2000), (2, 3000, 4000, None)):
            made.ask(
                "INSERT INTO watch VALUES (1, %s, 1, %s, %s, %s, 'portable', '[]', 2000000,"
                " 10000000, 1, '', '', 0)",
                *(number, since, seen, stopped),
            )
        made.ask(
            "INSERT INTO tick VALUES"
            " (1, 1, 1500, 0, 1, 0, 0, 0, 0, 0, 200, 0, 0, 0, 0, 0, 0, FALSE)"
        )
        yield made


def at(of: Fleet, moment: int, state: HostState) -> tuple[MomentCoverage, list[HostState]]:
    """The coverage of a moment at the host, in this state now, and what is doubtful of it."""
    with open_fleet(of.address) as reader:
        (found,) = hosts(reader.server)
        values = {name: getattr(found, name) for name in FleetHost.__slots__}
        known = [FleetHost(**{**values, "state": state})]
        covered = coverages(reader, known, moment)
        return covered[1], list(doubts(known, moment, covered))


@pytest.mark.parametrize(
    ("moment", "coverage"),
    [
        (999, MomentCoverage(Gap(None, 1000))),
        (1000, _WATCHED),
        (1300, _WATCHED),
        (1301, MomentCoverage(Gap(1300, 1500))),
        (1500, MomentCoverage(Gap(1300, 1500))),
        (1501, _WATCHED),
        (2000, _WATCHED),
        (2001, MomentCoverage(Gap(2000, 3000))),
        (2999, MomentCoverage(Gap(2000, 3000))),
        (3000, _WATCHED),
        (4000, _WATCHED),
    ],
)
def test_a_moment_of_the_past(running: Fleet, moment: int, coverage: MomentCoverage) -> None:
    found, doubtful = at(running, moment, HostState.REPORTING)
    assert found == coverage
    assert doubtful == ([HostState.UNWATCHED] if coverage.gap else [])


def test_a_watch_goes_on_for_as_long_as_its_host_reports(running: Fleet) -> None:
    assert at(running, 5000, HostState.REPORTING) == (_WATCHED, [])
    assert at(running, 5000, HostState.CLOCK) == (_WATCHED, [])
    for state in (HostState.SILENT, HostState.UNWATCHED, HostState.BEHIND):
        assert at(running, 5000, state) == (MomentCoverage(Gap(4000, None)), [state])


def test_a_silent_host_has_told_what_it_watched(running: Fleet) -> None:
    assert at(running, 3500, HostState.SILENT) == (_WATCHED, [])
    assert at(running, 3500, HostState.BEHIND) == (_WATCHED, [HostState.BEHIND])


def test_nothing_is_doubtful_of_a_host_that_was_retired(running: Fleet) -> None:
    running.ask("UPDATE host SET retired_at = 4500")
    try:
        assert at(running, 5000, HostState.RETIRED)[1] == []
        assert at(running, 2500, HostState.RETIRED)[1] == [HostState.UNWATCHED]
    finally:
        running.ask("UPDATE host SET retired_at = NULL")
