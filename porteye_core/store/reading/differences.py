"""The differences between the listeners of two moments; pure."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from enum import StrEnum
from itertools import groupby
from typing import Any

import pandas as pd

from porteye_core.exposure import Exposure, Namespace
from porteye_core.programs import Identity

Row = Mapping[Any, Any]
Pair = tuple[Row | None, Row | None]

COLUMNS = (
    *("change", "port", "protocol", "process", "exposure_was", "exposure_is", "was", "is"),
    *("address", "openings", "certainty", "service", "id"),
)
_COMPARED = (
    *("id", "port", "protocol", "service", "address", "ip", "process", "pid", "user", "home"),
    *("exposure", "identity", "interface", "v6only", "namespace", "certainty"),
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


def differences(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """The differences between the frames of open_at for two moments, the most important first.

    `was` and `is` tell the owner, `exposure_was` and `exposure_is` who could reach it; both are
    empty where it was not open. What closed and opened is one listener that changed if port,
    protocol and program are the same (see _KEYS), whatever became of address and command line.
    Listeners that differ in the address alone, as one of IPv4 and one of IPv6, share a row.
    """
    gone = _rows(before[~before["id"].isin(after["id"])])
    come = _rows(after[~after["id"].isin(before["id"])])
    found = [*_stayed(before, after), *_pairs(gone, come)]
    rows = [_row(*pair) for pair in found if _change(*pair) is not None]
    return ordered(pd.DataFrame(rows, columns=list(COLUMNS)))


def ordered(found: pd.DataFrame) -> pd.DataFrame:
    """Rows with the columns COLUMNS, the most important first; of one kind, first those that others
    can reach."""
    keys = pd.DataFrame(
        {
            "rank": found["change"].map(_RANKS),
            "local": [
                not (_is_reachable(is_) or _is_reachable(was))
                for was, is_ in zip(found["exposure_was"], found["exposure_is"], strict=True)
            ],
            "port": found["port"],
            "protocol": found["protocol"],
        },
        index=found.index,
    )
    order = keys.sort_values(list(keys.columns), kind="stable").index
    return found.loc[order].reset_index(drop=True)


def _rows(frame: pd.DataFrame) -> list[Row]:
    return [*frame.loc[:, list(_COMPARED)].to_dict("records")]


def _stayed(before: pd.DataFrame, after: pd.DataFrame) -> list[Pair]:
    """The listeners of both moments, each with itself: their owners may have changed."""
    was = {row["id"]: row for row in _rows(before[before["id"].isin(after["id"])])}
    both = _rows(after[after["id"].isin(before["id"])])
    return [
        (was[row["id"]], row)
        for row in both
        if was[row["id"]]["identity"] is not None
        and row["identity"] is not None
        and (_owner_of(was[row["id"]]) != _owner_of(row))
    ]


def _owner_of(row: Row) -> tuple[object, ...]:
    return row["identity"], _known(row["user"]), _known(row["pid"])


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
        for key, were in waiting.items():
            # In the order of the rows themselves: the same pairs are found on the way back.
            pairs = list(zip(were, arriving.get(key, ()), strict=False))
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
    if was["id"] == is_["id"] and _known(was["pid"]) == _known(is_["pid"]):
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
    users = _known(was["user"]), _known(is_["user"])
    if all(users) and users[0] != users[1]:
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
        was[name] != is_[name] and not pd.isna(was[name]) and not pd.isna(is_[name])
        for name in _SETTINGS
    )


def _row(was: Row | None, is_: Row | None) -> dict[str, Any]:
    shown = is_ if is_ is not None else was
    assert shown is not None
    sides = [each for each in (was, is_) if each is not None]
    return {
        "change": _change(was, is_),
        "port": shown["port"],
        "protocol": shown["protocol"],
        "process": shown["process"],
        "exposure_was": "" if was is None else was["exposure"],
        "exposure_is": "" if is_ is None else is_["exposure"],
        "was": "" if was is None else _owner(was),
        "is": "" if is_ is None else _owner(is_),
        "address": " → ".join(dict.fromkeys(each["address"] for each in sides)),
        "openings": "",
        "certainty": "; ".join(sorted({each["certainty"] for each in sides} - {""})),
        "service": shown["service"],
        "id": shown["id"],
    }


def _owner(row: Row) -> str:
    said = [str(row["process"])]
    if _known(row["pid"]) is not None:
        said.append(f"pid {row['pid']}")
    said += [str(row[name]) for name in ("user", "home") if _known(row[name])]
    return ", ".join(said)


def _known(value: object) -> object:
    return None if value is None or pd.isna(value) else value  # type: ignore[call-overload]


def merged(found: pd.DataFrame) -> pd.DataFrame:
    """The rows, those that differ in the address alone as one: mostly one of each family."""

    def of(row: dict[Any, Any]) -> tuple[str, ...]:
        return tuple(str(row[name]) for name in COLUMNS if name not in ("address", "id"))

    rows = []
    for _, same in groupby(sorted(found.to_dict("records"), key=of), of):
        first, *others = sorted(same, key=lambda row: (row["address"], row["id"]))
        addresses = dict.fromkeys(each["address"] for each in (first, *others))
        rows.append({**first, "address": ", ".join(addresses)})
    return ordered(pd.DataFrame(rows, columns=list(COLUMNS)))
