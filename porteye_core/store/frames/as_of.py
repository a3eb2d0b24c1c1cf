"""What listened at a moment, and what changed between two, as frames."""

from typing import Any

import pandas as pd

from porteye_core.model import Filters
from porteye_core.programs import Identity
from porteye_core.store import engine
from porteye_core.store.frames.columns import describe, frame_of, times, values
from porteye_core.store.moments import Watched, open_at

_EXACT = ""
_SHOWN = ["port", "protocol", "service", "address", "certainty", "id"]
_SETTINGS = ("interface", "v6only")
_COMPARED = [*_SHOWN, *_SETTINGS, "ip", "identity", "process", "pid", "exposure"]
_IDENTIFYING = ("process", "exe", "cmdline", "unit", "container", "cwd")
_NUMBERS = ("pid", "rss", "clients", "queue", "backlog")


def as_of(
    connection: engine.Connection, filters: Filters, at: int, watched: Watched
) -> pd.DataFrame:
    """What was open at a moment, by port; `certainty` says in words what could not be known."""
    frame = frame_of(connection, open_at(filters, at, watched.gap))
    frame["certainty"] = [
        _certainty(row, at, watched)
        for row in frame[["opened_at", "closed_at", "closed_seen", "unseen_at"]].to_dict("records")
    ]
    if watched.gap is not None:  # what it used then is not known either
        frame[["cpu", "rss", "clients", "queue", "backlog"]] = None
    frame["cpu"] = frame["cpu"].astype("Float64") / 100
    for column in _NUMBERS:
        frame[column] = frame[column].astype("Int64")
    frame["since"] = times(frame["opened_at"])
    frame["ip"] = frame["address"]
    identities = [_identity(row) for row in values(frame, *_IDENTIFYING)]
    frame["identity"] = pd.Series(identities, index=frame.index, dtype="object")
    return describe(frame)


def changes(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """What differs between what listened at two moments: one row a change, by port.

    `change` is opened, closed, restarted, changed owner, changed exposure or changed address; `was`
    and `is` say between what. What was restarted is the same program (see programs.Identity).
    """
    gone = before.loc[~before["id"].isin(after["id"]), _COMPARED].to_dict("records")
    come = after.loc[~after["id"].isin(before["id"]), _COMPARED].to_dict("records")
    found = []
    for key, told in ((_endpoint, _same_place), (_port, _same_port)):
        waiting: dict[Any, list[dict[Any, Any]]] = {}
        for each in gone:
            waiting.setdefault(key(each), []).append(each)
        left = []
        for each in come:
            matches = waiting.get(key(each))
            if matches:
                was = matches.pop(0)
                gone.remove(was)
                found.append(told(was, each))
            else:
                left.append(each)
        come = left
    found += [_change("closed", each, _who(each), "") for each in gone]
    found += [_change("opened", each, "", _who(each)) for each in come]
    columns = ["change", "port", "protocol", "service", "address", "was", "is", "certainty"]
    frame = pd.DataFrame(found, columns=[*columns, "id"])
    return frame.sort_values(["port", "protocol"], kind="stable", ignore_index=True)


def _identity(row: tuple[Any, ...]) -> Identity | None:
    """Return what makes the program the same after a restart, None where it is not known."""
    return Identity.of(*row) if all(isinstance(each, str) for each in row) else None


def _certainty(row: dict[Any, Any], at: int, watched: Watched) -> str:
    gap = watched.gap
    if not pd.isna(row["unseen_at"]) and row["unseen_at"] <= at:
        return "could not be looked for any more"
    if row["opened_at"] > at:
        return "may have been open already"
    closed = row["closed_at"]
    ended = None if closed is None or pd.isna(closed) else int(closed)
    if gap is None:
        polled = row["closed_seen"] == "poll" and ended is not None
        late = polled and ended is not None and ended - watched.interval_us <= at
        return "may have closed just before" if late else _EXACT
    if row["closed_seen"] == "gap" and ended is not None and (gap.end is None or ended <= gap.end):
        return "may have closed already"
    return "open when last watched" if gap.end is None else "open before and after the gap"


def _endpoint(row: dict[Any, Any]) -> tuple[object, ...]:
    return row["protocol"], row["ip"], row["port"]


def _port(row: dict[Any, Any]) -> tuple[object, ...]:
    return row["protocol"], row["port"], row["identity"]


def _same_place(was: dict[Any, Any], row: dict[Any, Any]) -> dict[str, object]:
    one, other = was["identity"], row["identity"]
    same = one is not None and other is not None and one.is_same(other)
    if same and _is_bound_anew(was, row):
        return _same_port(was, row)
    return _change("restarted" if same else "changed owner", row, _who(was), _who(row))


def _is_bound_anew(was: dict[Any, Any], row: dict[Any, Any]) -> bool:
    """True if the interface or IPV6_V6ONLY differs where both are known."""
    return any(
        was[name] != row[name] and not pd.isna(was[name]) and not pd.isna(row[name])
        for name in _SETTINGS
    )


def _same_port(was: dict[Any, Any], row: dict[Any, Any]) -> dict[str, object]:
    kind = "changed exposure" if was["exposure"] != row["exposure"] else "changed address"
    return _change(kind, row, _reach(was), _reach(row))


def _change(kind: str, row: dict[Any, Any], was: str, now: str) -> dict[str, object]:
    return {"change": kind, "was": was, "is": now, **{name: row[name] for name in _SHOWN}}


def _who(row: dict[Any, Any]) -> str:
    pid = "" if pd.isna(row["pid"]) else f", pid {row['pid']}"
    return f"{row['process']}{pid}"


def _reach(row: dict[Any, Any]) -> str:
    return f"{row['exposure']} ({row['address']})"
