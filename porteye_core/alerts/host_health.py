"""Conditions of a host of a fleet itself: whether what is known of it is what is so; pure."""

from collections.abc import Iterator
from typing import NamedTuple

from porteye_core.spoken_times import length, second
from porteye_core.store.fleet.many_hosts.reports import HostReport

SILENT, UNWATCHED, BEHIND, CLOCK = "silent", "unwatched", "behind", "clock"


class Condition(NamedTuple):
    """Something that may be wrong with a host; why: in words, empty if it is not. ago: microseconds
    since it began."""

    kind: str
    why: str = ""
    ago: int = 0


def conditions(of: HostReport, now: int, since: int) -> Iterator[Condition]:
    """The conditions of a host that are known, those that hold and those that do not; now: by the
    server, which could be asked, and could take batches, since then."""
    assert of.received_at is not None  # it has shipped
    lag = max(0, now - of.received_at)
    if of.has_missed(now, of.received_at):
        if of.has_missed(now, since):  # else it may not have had the time to come back
            said = f"silent: it has shipped nothing since {second(of.received_at)}"
            yield Condition(SILENT, said, lag)
        return
    yield Condition(SILENT)
    yield Condition(UNWATCHED) if of.is_watched else _unwatched(of, lag)
    yield Condition(BEHIND, _behind(of))
    yield Condition(CLOCK, _clock(of))


def _unwatched(of: HostReport, lag: int) -> Condition:
    if of.received_at is None or of.watched_until is None:
        return Condition(UNWATCHED, "nobody has watched yet: no monitor has scanned")
    said = f"nobody has watched since {second(of.watched_until)}"
    if of.stopped_at is not None:
        said += ": the monitor was stopped"
    return Condition(UNWATCHED, said, lag + of.received_at + of.skew - of.watched_until)


def _behind(of: HostReport) -> str:
    return f"behind: {of.behind:,} events follow that it has not shipped" if of.behind else ""


def _clock(of: HostReport) -> str:
    if not of.is_clock_off:
        return ""
    way = "ahead of" if of.skew > 0 else "behind"
    return f"clock off: it is {length(abs(of.skew))} {way} the clock of the fleet's server"
