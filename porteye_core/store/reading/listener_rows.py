"""Rows of listeners: their columns and conditions in SQL.

Statements call a listener `l`, its host `h`, its process `p`, its container `c` and its program
`g`. Values are bound.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from porteye_core.containers import shown_container
from porteye_core.exposure import Bound, Namespace
from porteye_core.hidden_owners import reason
from porteye_core.model import Filters
from porteye_core.reach import InterfaceKind
from porteye_core.store import engine
from porteye_core.store.tables.dead_band import KEEP_ALIVE_US

if TYPE_CHECKING:  # a RowReader does without pandas
    import pandas as pd

# The writer stores no sample while nothing moves, and one at least this often: what is older than
# this and an interval between samples says nothing about now.
FRESH_US = KEEP_ALIVE_US

_HOUR = 3600 * 1_000_000
# A host without namespaces has no netns.
_NAMESPACE = """CASE WHEN h.netns IS NULL OR l.netns = h.netns THEN 'own'
    WHEN l.netns IS NULL THEN 'unknown' ELSE 'other' END"""
_EXPOSURE = f"""(SELECT exposure(l.address, l.interface, l.interface_kind, l.v6only, {_NAMESPACE})
    FROM host h WHERE h.id = l.host_id)"""
NAMES = ("container_name", "image", "compose_project", "compose_service", "pod", "pod_namespace")
"""The columns of a container that tell its names."""
ENDS = ("published", "addresses")
"""Those that tell the host ends of its ports, and its own addresses."""
# Names by which a filter finds a container.
FOUND_BY = "container_name || ' / ' || compose_project || ' / ' || compose_service || ' / ' || pod"


def names_of(container: str) -> str:
    """The names of a container, as one text; container: the id of its row."""
    return f"(SELECT {FOUND_BY} FROM container WHERE id = {container})"


_HOME = (
    "(SELECT unit FROM process WHERE id = l.process_id)",
    "(SELECT container FROM process WHERE id = l.process_id)",
    names_of("(SELECT container_id FROM process WHERE id = l.process_id)"),
)
_PROCESS_OF_EVENT = (
    "coalesce((SELECT process_id FROM former WHERE listener_id = l.id AND until > e.at"
    " ORDER BY until LIMIT 1), l.process_id)"
)
# Of a listener `l` at an event `e`: where it was handed on later, `former` has what it had then.
HOME_OF_EVENT = (
    *(
        f"coalesce((SELECT {name} FROM former WHERE listener_id = l.id AND until > e.at"
        f" ORDER BY until LIMIT 1), (SELECT {name} FROM process WHERE id = l.process_id))"
        for name in ("unit", "container")
    ),
    names_of(f"(SELECT container_id FROM process WHERE id = {_PROCESS_OF_EVENT})"),
)
_COLUMNS = {
    **{
        name: f"l.{name}"
        for name in (
            *("id", "protocol", "family", "address", "port", "netns", "inode"),
            *("interface", "interface_kind", "v6only"),
            *("opened_at", "opened_seen", "closed_at", "closed_seen", "unseen_at"),
            *("hidden", "holders_gone"),
        )
    },
    "namespace": _NAMESPACE,
    "socket_user": "l.user",
    "memory": "h.memory",
    **{name: f"p.{name}" for name in ("pid", "started_at", "parents", "unit", "container", "cwd")},
    **{name: f"c.{name}" for name in (*NAMES, *ENDS)},
    "program_id": "g.id",
    "process": "g.name",
    "title": "title(g.name, g.exe, g.cmdline)",
    "exe": "g.exe",
    "cmdline": "g.cmdline",
    "user": "coalesce(g.user, l.user)",
}

# What stands in a title between words that stand in the program's name, executable or command line;
# only those of `go run` stand in none of them, and the executable is in a folder of its own.
_JOINTS = re.compile(r"[ ()'\"]")
_GO_RUN = "go run"


class Question(NamedTuple):
    """A statement or a condition, and its parameters."""

    sql: str
    parameters: tuple[Any, ...] = ()


ANY = Question("TRUE")


def select_columns(*names: str, but: Sequence[str] = (), **sources: str) -> str:
    """These columns of a listener's row, all of them `but` some if none is named; sources: the SQL
    of those that come from elsewhere than usual."""
    from_ = {name: _COLUMNS[name] for name in names or _COLUMNS if name not in but} | sources
    return ", ".join(f"{source} AS {name}" for name, source in from_.items())


def from_tables(
    listeners: str = "listener l", process: str = "l.process_id", program: str = "l.program_id"
) -> str:
    """The tables of a listener's row; process, program: the ids of its owner."""
    return f"""{listeners}
    JOIN host h ON h.id = l.host_id
    LEFT JOIN process p ON p.id = {process}
    LEFT JOIN container c ON c.id = p.container_id
    LEFT JOIN program g ON g.id = {program}"""


def open_between(
    closed_after: int,
    opened_by: int | None,
    what: str = "l.id",
    where: Question = ANY,
    *,
    is_long: bool = False,
) -> Question:
    """Select these columns of the listeners that opened by a time, if one is given, and did not
    close by another. With the same time for both: the listeners that were open at that moment.
    is_long: without those that had closed within an hour.

    A life of a class that was open then closed at most the class's length after it, so that each
    branch reads few entries of the index (see the schema's second step).
    """
    branches = [Question("l.closed_at IS NULL")]
    if opened_by is None:
        branches.append(Question("l.span IN (0, 1, 2) AND l.closed_at > ?", (closed_after,)))
    else:
        branches += [
            Question(
                f"l.span = {span} AND l.closed_at > ? AND l.closed_at <= ?",
                (closed_after, opened_by + length),
            )
            for span, length in ((0, _HOUR), (1, 24 * _HOUR))
            if span or not is_long
        ]
        branches.append(Question("l.span = 2 AND l.closed_at > ?", (closed_after,)))
        opened = Question("l.opened_at <= ?", (opened_by,))
        branches = [every(branch, opened) for branch in branches]
    parts = [every(branch, where) for branch in branches]
    return Question(
        "\nUNION ALL ".join(f"SELECT {what} FROM listener l WHERE {part.sql}" for part in parts),
        tuple(value for part in parts for value in part.parameters),
    )


def every(*conditions: Question) -> Question:
    """The condition that all of these hold."""
    return Question(
        " AND ".join(each.sql for each in conditions),
        tuple(value for each in conditions for value in each.parameters),
    )


def matching(
    filters: Filters,
    port: str = "l.port",
    program: str = "l.program_id",
    protocol: str = "l.protocol",
    home: Sequence[str] = _HOME,
) -> Question:
    """The condition of the filters, without kind, times and limit, on a row that has a listener
    `l`; port, program, protocol: columns to ask instead of its own, home: unit, container and
    its names."""
    return every(
        matching_columns(filters, port, program, protocol),
        matching_listener(filters, program, home),
    )


def matching_columns(
    filters: Filters, port: str, program: str, protocol: str, programs: Sequence[int] | None = None
) -> Question:
    """The condition of the filters of port, process and protocol alone, on these columns; programs:
    the ids of the programs that match, if they are known already."""
    conditions = [ANY]
    if filters.ports:
        conditions.append(in_ranges(filters.ports, port))
    if programs is not None:
        ids = json.dumps(programs)
        conditions.append(Question(f"{program} IN (SELECT value FROM json_each(?))", (ids,)))
    elif filters.process:
        named = process_condition(filters.process)
        within = f"{program} IN (SELECT id FROM program WHERE {named.sql})"
        conditions.append(Question(within, named.parameters))
    if filters.protocol:
        conditions.append(Question(f"{protocol} = ?", (filters.protocol,)))
    return every(*conditions)


def needs_listener(filters: Filters) -> bool:
    """True if the filters ask for what no sum knows, but only the row of a listener."""
    return bool(filters.exposure or filters.user or filters.home or filters.address)


def matching_listener(
    filters: Filters, program: str = "l.program_id", home: Sequence[str] = _HOME
) -> Question:
    """The condition of the filters that only a listener `l` can answer (see needs_listener);
    program, home: its program's id, unit, container and names."""
    conditions = [ANY]
    if filters.address:
        conditions.append(_address_condition(filters.address))
    if filters.user:
        user = f"coalesce((SELECT g.user FROM program g WHERE g.id = {program}), l.user)"
        conditions.append(Question(f"{user} = ?", (filters.user,)))
    if filters.exposure:
        wanted = ", ".join("?" * len(filters.exposure))
        conditions.append(Question(f"{_EXPOSURE} IN ({wanted})", tuple(filters.exposure)))
    if filters.home:
        conditions.append(home_condition(filters.home, home))
    return every(*conditions)


def _address_condition(address: str) -> Question:
    """The condition that a listener has an address as the page shows it: `*` is what accepts IPv6
    and IPv4, an interface after `%` counts only where it is given."""
    host, at, interface = address.partition("%")
    dual = " AND l.v6only = 0" if host == "*" else ""
    bound = " AND l.interface = ?" if at else ""
    host = "::" if host == "*" else host
    return Question(f"l.address = ?{dual}{bound}", (host, interface) if at else (host,))


def home_condition(text: str, home: Sequence[str]) -> Question:
    """The condition that one of these columns has the text, whatever its case."""
    if not text.isascii():
        where = " OR ".join(_has(f"casefold({each})") for each in home)
        return Question(f"({where})", (_like(text.casefold()),) * len(home))
    return Question(f"({' OR '.join(map(_has, home))})", (_like(text),) * len(home))


def in_ranges(ranges: Sequence[tuple[int, int]], port: str) -> Question:
    """The condition that a column has a port of these ranges."""
    either = " OR ".join([f"{port} BETWEEN ? AND ?"] * len(ranges))
    return Question(f"({either})", tuple(end for pair in ranges for end in pair))


def process_condition(text: str, table: str = "program") -> Question:
    """The condition that a program, or this alias of it, has the text in its name, command line or
    title, whatever its case."""
    name, cmdline = f"{table}.name", f"{table}.cmdline"
    title = f"title({name}, {table}.exe, {cmdline})"
    if not text.isascii():
        # LIKE takes letters beyond ASCII as they are: of them only Python knows the case.
        where = " OR ".join(_has(f"casefold({each})") for each in (name, cmdline, title))
        return Question(f"({where})", (_like(text.casefold()),) * 3)
    where = f"{_has(name)} OR {_has(cmdline)}"
    parameters: tuple[str, ...] = (_like(text),) * 2
    words = [word for word in _JOINTS.split(text) if word]
    if words != [text] or _is_of_go(text):
        # A title takes a tenth of a millisecond for ten programs: only of what has all its words.
        where += (
            f" OR ({' AND '.join([_somewhere(table, each) for each in words] + [_has(title)])})"
        )
        parameters += (*(_like(word) for word in words for _ in range(3)), _like(text))
    return Question(f"({where})", parameters)


def _somewhere(table: str, word: str) -> str:
    """The condition that a program has this word in the texts that make its title."""
    found = " OR ".join(_has(f"{table}.{column}") for column in ("name", "cmdline", "exe"))
    return f"({found} OR {table}.exe LIKE '%/go-build%')" if _is_of_go(word) else f"({found})"


def _is_of_go(word: str) -> bool:
    return word.lower() in _GO_RUN


def _has(column: str) -> str:
    return rf"{column} LIKE ? ESCAPE '\'"


def _like(text: str) -> str:
    """The LIKE pattern that finds this text anywhere; a backslash escapes in it."""
    for special in ("\\", "%", "_"):
        text = text.replace(special, "\\" + special)
    return f"%{text}%"


def bound_of(row: engine.Row) -> Bound:
    """The place that a row with the columns of Bound tells."""
    return bound(*(row[name] for name in Bound._fields))


@lru_cache(maxsize=4096)
def bound(
    address: str,
    interface: str | None,
    kind: str | None,
    v6only: int | None,
    namespace: str = Namespace.OWN,
) -> Bound:
    """The place that the address and these values of columns tell."""
    return Bound(
        address,
        interface,
        None if kind is None else InterfaceKind(kind),
        None if v6only is None else bool(v6only),
        Namespace(namespace),
    )


def owner_reason(hidden: object) -> str:
    """Why an owner is not known, in a word; empty if there is no reason."""
    why = reason(hidden if isinstance(hidden, str) else None, owner=None)
    return why.short if why else ""


def home_name(unit: object, container: object, name: object, pod: object) -> str | None:
    """The container, by its name, or the systemd unit of a process; a service without its ending,
    which most units have and a narrow column has no room for."""
    if isinstance(container, str) and container:
        known = (text if isinstance(text, str) else "" for text in (name, pod))
        return shown_container(container, *known)
    return unit.removesuffix(".service") if isinstance(unit, str) else None


def titles(connection: engine.Connection, programs: Iterable[int]) -> dict[int, str]:
    """The titles of these programs by their ids."""
    found = connection.execute(
        "SELECT id, title(name, exe, cmdline) FROM program"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(programs)),),
    )
    return dict(map(tuple, found))


def times(micros: "pd.Series[Any]") -> "pd.Series[Any]":
    """Microseconds since the epoch as times."""
    # astype, not to_datetime: through a float a time would lose its last digits.
    return micros.astype("Int64").astype("datetime64[us]").dt.tz_localize("UTC")


def values(frame: "pd.DataFrame", *columns: str) -> Iterator[tuple[Any, ...]]:
    """The values of these columns, row by row. Lists: to iterate over a column of texts takes
    sixteen times as long."""
    return zip(*(frame[column].tolist() for column in columns), strict=True)


def owners(frame: "pd.DataFrame") -> list[str]:
    """The owners, by title, or the reason why they are not known."""
    return [
        title if isinstance(title, str) and title else owner_reason(hidden)
        for title, hidden in values(frame, "title", "hidden")
    ]
