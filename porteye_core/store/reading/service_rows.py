"""Rows of services: the sockets of one owner on one port, as one row."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from porteye_core.exposure import Exposure

_Row = Mapping[Any, Any]

# The widest first: the socket that most hosts reach stands for its service.
_WIDEST = (
    Exposure.EVERYWHERE,
    Exposure.IPV6,
    Exposure.NETWORK,
    Exposure.LINK,
    Exposure.UNKNOWN,
    Exposure.CONTAINERS,
    Exposure.MACHINE,
    Exposure.CONTAINER,
)
_RANK = {each.value: rank for rank, each in enumerate(_WIDEST)}
_OWNER = ("title", "exe", "user", "unit", "container", "cwd")
# The columns that a service takes from the socket which stands for it.
_TAKEN = (
    *("port", "process", "exe", "cmdline", "user", "home", "unit", "container", "cwd", "pid"),
    *("hidden", "title", "netns"),
)
# The columns of a container's program, which its proxy is only the way to.
_OF_CONTAINER = (
    *("process", "exe", "cmdline", "user", "home", "unit", "container", "cwd", "pid"),
    *("hidden", "title"),
)
COLUMNS = (
    *("id", "listeners", *_TAKEN, "protocol", "address", "exposure", "since", "opened_seen"),
    *("latest", "closed", "closed_at", "unseen", "clients", "queue", "backlog", "cpu", "rss"),
    "use",
)


def by_service(sockets: pd.DataFrame) -> pd.DataFrame:
    """The services of these sockets, by port; sockets: open_listeners.open_now.

    One service are the sockets of a process on a port, those of other processes of the same
    program there (a program is its title, executable, user, home and folder), and those of one
    executable that share an address (SO_REUSEPORT). Both ends of a published port are one service.

    id: the socket that most hosts reach; listeners: all of them, that one first. exposure: a list,
    the widest first. clients: the sum; queue, backlog: of the fullest queue; cpu, rss: of every
    process once, use: those two by process. since, opened_seen: of the first that opened; latest:
    of the last that was seen to open.
    """
    rows = sockets.to_dict("records")
    proxied = _proxied(rows)
    groups = _Groups()
    for at, row in enumerate(rows):
        groups.add(at, _keys(row))
    for host, contained in proxied.items():
        groups.join(host, contained)
    return _frame(groups.members(), rows, set(proxied))


def by_socket(sockets: pd.DataFrame) -> pd.DataFrame:
    """The same columns with a row for each socket."""
    rows = sockets[~sockets["is_other_end"]].to_dict("records")
    return _frame(([at] for at in range(len(rows))), rows, set())


def _frame(
    groups: Iterable[Sequence[int]], rows: Sequence[_Row], proxies: set[int]
) -> pd.DataFrame:
    merged = []
    for group in groups:
        members = [rows[at] for at in group]
        through = [rows[at] for at in group if at in proxies]
        merged.append(_service(through or members, members))
    frame = pd.DataFrame(merged, columns=list(COLUMNS))
    for name in ("pid", "clients", "queue", "backlog", "rss"):
        frame[name] = frame[name].astype("Int64")
    frame["cpu"] = frame["cpu"].astype("Float64")
    for name in ("since", "latest", "closed_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]")
    for name in ("closed", "unseen"):
        frame[name] = frame[name].astype(bool)
    return frame.sort_values(["port", "protocol", "id"], kind="stable", ignore_index=True)


class _Groups:
    """Groups of numbers that share a key."""

    def __init__(self) -> None:
        self._parent = dict[int, int]()
        self._first = dict[Hashable, int]()

    def add(self, at: int, keys: Iterable[Hashable]) -> None:
        """Put a number into the groups of these keys, which become one."""
        self._parent[at] = at
        for key in keys:
            self.join(self._first.setdefault(key, at), at)

    def join(self, one: int, other: int) -> None:
        """Make one group of the groups of two numbers."""
        self._parent[self._root(other)] = self._root(one)

    def members(self) -> Iterator[list[int]]:
        """The groups, each in the order of its numbers."""
        found = dict[int, list[int]]()
        for at in self._parent:
            found.setdefault(self._root(at), []).append(at)
        yield from found.values()

    def _root(self, at: int) -> int:
        while self._parent[at] != at:
            at = self._parent[at]
        return at


def _keys(row: _Row) -> Iterator[Hashable]:
    """Keys of which the sockets of one service share one; those that are over share none with
    those that are open."""
    place = (row["port"], _value(row["netns"]), bool(row["closed"]))
    owner = tuple(_value(row[name]) for name in _OWNER)
    pid = _value(row["pid"])
    if owner[0] is None:  # who holds it is hidden: told apart by what the socket itself says
        yield (*place, "hidden", _value(row["hidden"]), row["user"], row["exposure"])
        return
    yield (*place, "program", *owner)
    if pid is not None:
        yield (*place, "process", pid, _value(row["started_at"]))
    if owner[1] is not None:
        yield (*place, "shared", row["protocol"], row["address"], *owner[1:3])


def _proxied(rows: Sequence[_Row]) -> dict[int, int]:
    """By the place of the host's end of a published port, that of the container's."""
    places = {row["id"]: at for at, row in enumerate(rows)}
    return {at: places[row["leads_to"]] for at, row in enumerate(rows) if row["leads_to"] in places}


def _service(places: Sequence[_Row], members: Sequence[_Row]) -> dict[str, Any]:
    """Merge sockets; places: those whose port and addresses are the service's."""
    places = sorted(places, key=_by_reach)
    first = places[0]
    others = sorted((each for each in members if each["id"] != first["id"]), key=_by_reach)
    service = {name: first[name] for name in _TAKEN}
    if len(places) < len(members):
        contained = next(each for each in others if each["exposure"] == Exposure.CONTAINER)
        service |= {name: contained[name] for name in _OF_CONTAINER}
    oldest = min(members, key=lambda each: each["since"])
    seen = [each["since"] for each in members if each["opened_seen"] != "gap"]
    fullest = max(members, key=_fullness)
    use = {_process(row): (row["cpu"], row["rss"]) for row in members}
    return service | {
        "id": first["id"],
        "listeners": [
            first["id"],
            *(each["id"] for each in others if not each["is_other_end"]),
        ],
        "protocol": "/".join(sorted({str(each["protocol"]) for each in places})),
        "address": ", ".join(dict.fromkeys(str(each["address"]) for each in places)),
        "exposure": list(dict.fromkeys(str(each["exposure"]) for each in places)),
        "since": oldest["since"],
        "opened_seen": oldest["opened_seen"],
        "latest": max(seen, default=None),
        "closed": first["closed"],
        "closed_at": first["closed_at"],
        "unseen": all(each["unseen"] for each in members),
        "clients": _sum(each["clients"] for each in members),
        "queue": fullest["queue"],
        "backlog": fullest["backlog"],
        "cpu": _sum(cpu for cpu, _ in use.values()),
        "rss": _sum(rss for _, rss in use.values()),
        "use": use,
    }


def _by_reach(row: _Row) -> tuple[object, ...]:
    return _RANK.get(row["exposure"], len(_RANK)), row["protocol"], row["family"], row["id"]


def _fullness(row: _Row) -> float:
    if pd.isna(row["queue"]) or pd.isna(row["backlog"]):
        return -1.0
    return float(row["queue"]) / max(1, row["backlog"])


def _process(row: _Row) -> Hashable:
    """The process that holds a socket; if it is not known, the socket itself."""
    pid = _value(row["pid"])
    return ("socket", row["id"]) if pid is None else (pid, _value(row["started_at"]))


def _sum(values: Iterable[Any]) -> Any:
    known = [each for each in values if not pd.isna(each)]
    return sum(known) if known else None


def _value(value: Any) -> Any:
    """The value, None for any that is missing."""
    return None if not isinstance(value, str) and pd.isna(value) else value or None
