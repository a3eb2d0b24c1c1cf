"""Changes in one sentence, which can be pasted into a chat; pure."""

from collections.abc import Iterable, Sequence

from porteye_core.exposure import Exposure
from porteye_core.store.reading.differences import Change, Found

_NAMED = 3  # more are counted
_COUNTED = {
    Change.CLOSED: "closed",
    Change.NOT_REACHABLE: "no longer reachable",
    Change.EXPOSURE: "changed exposure",
    Change.OWNER: "changed owner",
    Change.UNIT: "changed unit",
    Change.ADDRESS: "changed address",
    Change.RESTARTED: "restarted",
    Change.REOPENED: "reopened",
}


def summary(changes: Sequence[Found]) -> str:
    """The differences in words, the gravest first.

    >>> summary([])
    'nothing changed'
    """
    by_kind = {kind: [row for row in changes if row["change"] == kind] for kind in Change}
    said = [
        _reachable(by_kind[Change.BECAME_REACHABLE]),
        _opened(by_kind[Change.OPENED]),
        _counts(by_kind),
        _brief(by_kind[Change.BRIEF]),
    ]
    return "; ".join(part for part in said if part) or "nothing changed"


def is_reachable(exposure: str) -> bool:
    """True if other machines may reach a listener of this exposure in words."""
    return bool(exposure) and Exposure(exposure).is_reachable


def _reachable(rows: list[Found]) -> str:
    if not rows:
        return ""
    named = _list(_name(row) for row in rows[:_NAMED])
    more = len(rows) - _NAMED
    return f"{named} {f'and {more:,} more ' if more > 0 else ''}became reachable"


def _opened(rows: list[Found]) -> str:
    if not rows:
        return ""
    if len(rows) <= _NAMED:
        each = (f"{_name(row)} ({_reach(row['exposure_is'])})" for row in rows)
        return f"{_list(each)} opened"
    reachable = sum(is_reachable(row["exposure_is"]) for row in rows)
    how = f", {reachable:,} of them reachable" if reachable else ", none of them reachable"
    return f"{len(rows):,} opened{how}"


def _counts(by_kind: dict[Change, list[Found]]) -> str:
    counts = ((len(by_kind[kind]), word) for kind, word in _COUNTED.items())
    return ", ".join(f"{count:,} {word}" for count, word in counts if count)


def _brief(rows: list[Found]) -> str:
    if not rows:
        return ""
    if len(rows) == 1:
        return f"{_name(rows[0])}: {rows[0]['openings']}"
    return f"{len(rows):,} programs or ports opened and closed again"


def _name(row: Found) -> str:
    port = "" if row["port"] is None else f"{row['port']}"
    udp = "/udp" if port and row["protocol"] == "udp" else ""
    return f"{port}{udp} {row['process']}".strip()


def _reach(exposure: str) -> str:
    if exposure == Exposure.UNKNOWN:
        return "exposure not known"
    return "reachable" if is_reachable(exposure) else "local"


def _list(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))
