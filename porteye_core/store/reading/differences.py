"""The differences between the listeners of two moments; pure."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from itertools import groupby
from typing import Any

from porteye_core.exposure import Exposure, Namespace
from porteye_core.programs import Identity

Row = Mapping[str, Any]
Found = dict[str, Any]
Pair = tuple[Row | None, Row | None]

# A difference has these, and as `listener` the row that it shows, None where there are several.
COLUMNS = (
    *("change", "port", "protocol", "process", "exposure_was", "exposure_is", "was", "is"),
    *("address", "openings", "certainty", "service", "id"),
)
_SETTINGS = ("interface", "v6only")


class Change(StrEnum):
    """Kind of a difference, the most important first."""

    BECAME_REACHABLE = "became reachable"
    OPENED = "opened"
    CLOSED = "closed"
    NOT_REACHABLE = "no longer reachable"
    BRIEF = "opened and closed"  # within the time between both moments
    EXPOSURE = "changed exposure"
    OWNER = "changed owner"
    UNIT = "changed unit"
    ADDRESS = "changed address"
    RESTARTED = "restarted"
    REOPENED = "reopened"  # by an owner that is not known before or after

    __hash__ = str.__hash__


_RANKS = {kind: rank for rank, kind in enumerate(Change)}


def differences(before: Sequence[Row], after: Sequence[Row]) -> list[Found]:
    """The differences between the rows of compared_rows for two moments, the most important first.

    `was` and `is` tell the owner, `exposure_was` and `exposure_is` who could reach it; both are
    empty where it was not open. What closed and opened is one listener that changed if port,
    protocol and program are the same (see _KEYS), whatever became of address and command line.
    Listeners that differ in the address alone, as one of IPv4 and one of IPv6, share a row.
    """
    was, now = ({row["id"]: row for row in rows} for rows in (before, after))
    gone = [row for row in before if row["id"] not in now]
    come = [row for row in after if row["id"] not in was]
    found = [*_stayed(was, after), *_pairs(gone, come)]
    return ordered(_row(*pair) for pair in found if _change(*pair) is not None)


def ordered(found: Iterable[Found]) -> list[Found]:
    """Differences, the most important first; of one kind, first those that others can reach."""

    def place(row: Found) -> tuple[int, bool, bool, int, str]:
        is_local = not (_is_reachable(row["exposure_is"]) or _is_reachable(row["exposure_was"]))
        port = row["port"]
        return _RANKS[row["change"]], is_local, port is None, port or 0, row["protocol"]

    return sorted(found, key=place)


def _stayed(was: Mapping[int, Row], after: Sequence[Row]) -> list[Pair]:
    """The listeners of both moments, each with itself: their owners may have changed."""
    both = [(was[row["id"]], row) for row in after if row["id"] in was]
    return [
        (before, row)
        for before, row in both
        if before["identity"] is not None
        and row["identity"] is not None
        and (_owner_of(before) != _owner_of(row))
    ]


def _owner_of(row: Row) -> tuple[object, ...]:
    return row["identity"], row["user"], row["pid"]


def _endpoint(row: Row) -> Hashable:
    # Two containers have the same addresses.
    place = row["home"] if row["namespace"] != Namespace.OWN else None
    return row["ip"], row["namespace"], place


def _family(row: Row) -> bool:
    return ":" in str(row["ip"])


def _identity(row: Row) -> Identity | None:
    found: Identity | None = row["identity"]
    return found


def _executable(row: Row) -> str | None:
    found = _identity(row)
    return (found.exe or None) if found else None


def _name(row: Row) -> str | None:
    found = _identity(row)
    return found.called if found else None


# What closed and what opened on one port are sought for each other by these, one after the other; a
# None finds nothing.
_KEYS: tuple[tuple[Callable[[Row], Hashable], ...], ...] = (
    (_identity, _endpoint),
    (_identity, _family),
    (_identity,),
    (_executable, _family),
    (_executable,),
    (_endpoint,),
    (_name,),
)


def _pairs(gone: list[Row], come: list[Row]) -> list[Pair]:
    """Each listener that closed with the one that opened in its place, if there is one."""
    found: list[Pair] = []
    for keys in _KEYS:
        waiting, arriving = _by(keys, gone), _by(keys, come)
        # In the order of the rows themselves: the same pairs are found on the way back.
        pairs = [
            pair
            for key, were in waiting.items()
            for pair in zip(were, arriving.get(key, ()), strict=False)
        ]
        found += pairs
        paired = {id(row) for pair in pairs for row in pair}
        gone = [row for row in gone if id(row) not in paired]
        come = [row for row in come if id(row) not in paired]
    return [*found, *((row, None) for row in gone), *((None, row) for row in come)]


def _by(keys: tuple[Callable[[Row], Hashable], ...], rows: list[Row]) -> dict[Hashable, list[Row]]:
    found: dict[Hashable, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (str(row["ip"]), row["id"])):
        values = tuple(key(row) for key in keys)
        if None not in values:
            found.setdefault((row["protocol"], row["port"], *values), []).append(row)
    return found


def _change(was: Row | None, is_: Row | None) -> Change | None:
    """The most important difference of a pair, None if there is none."""
    if was is None:
        return Change.OPENED
    if is_ is None:
        return Change.CLOSED
    for changed, kind in (
        (was["exposure"] != is_["exposure"], _exposure_change(was["exposure"], is_["exposure"])),
        (_has_other_owner(was, is_), Change.OWNER),
        (_has_other_place(was, is_), Change.UNIT),
        (was["ip"] != is_["ip"] or _is_bound_anew(was, is_), Change.ADDRESS),
    ):
        if changed:
            return kind
    if was["identity"] is None or is_["identity"] is None:
        return Change.REOPENED
    if was["id"] == is_["id"] and was["pid"] == is_["pid"]:
        return None
    return Change.RESTARTED


def _exposure_change(was: str, is_: str) -> Change:
    if Exposure.UNKNOWN in (was, is_) or _is_reachable(was) == _is_reachable(is_):
        return Change.EXPOSURE
    return Change.BECAME_REACHABLE if _is_reachable(is_) else Change.NOT_REACHABLE


def _is_reachable(exposure: str) -> bool:
    return bool(exposure) and Exposure(exposure).is_reachable


def _has_other_owner(was: Row, is_: Row) -> bool:
    """True if the program is another one or another user's, where both are known."""
    if was["user"] and is_["user"] and was["user"] != is_["user"]:
        return True
    one, other = _identity(was), _identity(is_)
    if one is None or other is None:
        return False
    return not replace(one, place="").is_same(replace(other, place=""))


def _has_other_place(was: Row, is_: Row) -> bool:
    one, other = _identity(was), _identity(is_)
    return one is not None and other is not None and one.place != other.place


def _is_bound_anew(was: Row, is_: Row) -> bool:
    """True if the interface or IPV6_V6ONLY differs where both are known."""
    return any(
        was[name] != is_[name] and was[name] is not None and is_[name] is not None
        for name in _SETTINGS
    )


def _row(was: Row | None, is_: Row | None) -> Found:
    shown = is_ if is_ is not None else was
    assert shown is not None
    sides = [each for each in (was, is_) if each is not None]
    return {
        "change": _change(was, is_),
        "port": shown["port"],
        "protocol": shown["protocol"],
        "process": shown["owner"],
        "exposure_was": "" if was is None else was["exposure"],
        "exposure_is": "" if is_ is None else is_["exposure"],
        "was": "" if was is None else _owner(was),
        "is": "" if is_ is None else _owner(is_),
        "address": " → ".join(dict.fromkeys(each["address"] for each in sides)),
        "openings": "",
        "certainty": "; ".join(sorted({each["certainty"] for each in sides} - {""})),
        "service": shown["service"],
        "id": shown["id"],
        "listener": shown,
    }


def _owner(row: Row) -> str:
    said = [str(row["owner"])]
    if row["pid"] is not None:
        said.append(f"pid {row['pid']}")
    return ", ".join(said + [str(row[name]) for name in ("user", "home") if row[name]])


def merged(found: Iterable[Found]) -> list[Found]:
    """The rows, those that differ in the address alone as one: mostly one of each family."""

    def of(row: Found) -> tuple[str, ...]:
        return tuple(str(row[name]) for name in COLUMNS if name not in ("address", "id"))

    rows = []
    for _, same in groupby(sorted(found, key=of), of):
        first, *others = sorted(same, key=lambda row: (row["address"], row["id"]))
        addresses = dict.fromkeys(each["address"] for each in (first, *others))
        rows.append({**first, "address": ", ".join(addresses)})
    return ordered(rows)
