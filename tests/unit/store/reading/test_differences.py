"""The differences between two moments, as they are told."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porteye_core.exposure import Bound, Exposure, exposure
from porteye_core.model import AttributedSocket, Filters, Precision
from porteye_core.programs import Identity
from porteye_core.store.reading import Change, open_reader
from porteye_core.store.reading.compared_rows import compared_rows
from porteye_core.store.reading.differences import Found, Row, differences, merged
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.seeding import PLAN
from tests.kit.values import SECOND, endpoint, owned, process

START = 20_000 * 86_400 * SECOND
LATER = START + 60 * SECOND
ALL = Filters()


def compared(
    db: Path, writer: Writer, before: list[AttributedSocket], after: list[AttributedSocket]
) -> list[Found]:
    """What differs where all of the first are replaced by the others."""
    writer.begin_watch(START, PLAN)
    born = writer.record_changes(START, [Opening(each, START, Precision.KERNEL) for each in before])
    writer.record_changes(
        LATER,
        [Opening(each, LATER, Precision.KERNEL) for each in after],
        [Closing(each, LATER, Precision.KERNEL) for each in born],
    )
    return between(db, START, LATER)


def between(db: Path, first: int, second: int) -> list[Found]:
    with open_reader(db) as reader:
        tables = (
            compared_rows(reader._connection, ALL, at, reader.coverage_at(at, watching=True))
            for at in (first, second)
        )
        return differences(*tables)


def listens(
    port: int, address: str = "127.0.0.1", pid: int = 1, name: str = "node", cmdline: str = ""
) -> AttributedSocket:
    return owned(endpoint(port, address=address), process(pid, pid, name, cmdline))


VITE = "node vite.js --host "
TOLD = {
    "a server that opens itself to the network became reachable, whatever its command line": (
        [listens(3000, "127.0.0.1", 1, "node", f"{VITE}127.0.0.1")],
        [listens(3000, "0.0.0.0", 2, "node", f"{VITE}0.0.0.0")],
        [("became reachable", 3000)],
    ),
    "and one that does so over IPv6": (
        [listens(3000, "::1", 1)],
        [listens(3000, "::", 2)],
        [("became reachable", 3000)],
    ),
    "one that no longer does is no longer reachable": (
        [listens(3000, "0.0.0.0", 1)],
        [listens(3000, "127.0.0.1", 2)],
        [("no longer reachable", 3000)],
    ),
    "another script of the same interpreter that is reachable became so": (
        [listens(8000, "127.0.0.1", 1, "python3", "python3 shop.py")],
        [listens(8000, "0.0.0.0", 2, "python3", "python3 stock.py")],
        [("became reachable", 8000)],
    ),
    "both families of one server are two listeners": (
        [listens(3000, "127.0.0.1", 1), listens(3000, "::1", 1)],
        [listens(3000, "0.0.0.0", 2), listens(3000, "::", 2)],
        [("became reachable", 3000), ("became reachable", 3000)],
    ),
    "from one network to every one it is another exposure": (
        [listens(80, "192.168.1.2", 1)],
        [listens(80, "0.0.0.0", 2)],
        [("changed exposure", 80)],
    ),
    "to another address of this machine it is another address": (
        [listens(80, "127.0.0.1", 1)],
        [listens(80, "127.0.0.2", 2)],
        [("changed address", 80)],
    ),
    "the same program anew was restarted": (
        [listens(80, pid=1, name="nginx")],
        [listens(80, pid=2, name="nginx")],
        [("restarted", 80)],
    ),
    "another program at the same place is another owner": (
        [listens(443, pid=1, name="nginx")],
        [listens(443, pid=2, name="caddy")],
        [("changed owner", 443)],
    ),
    "another program at another place is another listener": (
        [listens(443, "127.0.0.1", 1, "nginx")],
        [listens(443, "0.0.0.0", 2, "caddy")],
        [("opened", 443), ("closed", 443)],
    ),
    "another port is another listener": (
        [listens(3000, pid=1)],
        [listens(3001, pid=2)],
        [("opened", 3001), ("closed", 3000)],
    ),
    "of an owner that is not known no more is claimed than that it is there again": (
        [owned(endpoint(53))],
        [owned(endpoint(53))],
        [("reopened", 53)],
    ),
    "the gravest change comes first, and what others reach before what they do not": (
        [listens(1), listens(2), listens(3, name="nginx"), listens(4)],
        [
            listens(1, pid=2),
            listens(2, "0.0.0.0", 2),
            listens(3, pid=2, name="caddy"),
            listens(5, pid=2, name="vite"),
            listens(6, "0.0.0.0", 2, name="java"),
        ],
        [
            ("became reachable", 2),
            ("opened", 6),
            ("opened", 5),
            ("closed", 4),
            ("changed owner", 3),
            ("restarted", 1),
        ],
    ),
}


@pytest.mark.parametrize(("before", "after", "told"), TOLD.values(), ids=list(TOLD))
def test_a_change_is_told_as_what_it_is(
    db: Path,
    writer: Writer,
    before: list[AttributedSocket],
    after: list[AttributedSocket],
    told: list[tuple[str, int]],
) -> None:
    found = compared(db, writer, before, after)
    assert [(row["change"], row["port"]) for row in found] == told


def test_both_sides_of_a_change_are_shown_in_one_row_for_both_families(
    db: Path, writer: Writer
) -> None:
    before = [listens(3000, "127.0.0.1", 1), listens(3000, "::1", 1)]
    after = [listens(3000, "0.0.0.0", 2), listens(3000, "::", 2)]
    found = compared(db, writer, before, after)
    assert [row["address"] for row in found] == ["127.0.0.1 → 0.0.0.0", "::1 → ::"]
    (row,) = merged(found)
    assert row["exposure_was"] == Exposure.MACHINE
    assert row["exposure_is"] == Exposure.EVERYWHERE
    assert (row["was"], row["is"]) == ("node, pid 1, www", "node, pid 2, www")
    assert row["address"] == "127.0.0.1 → 0.0.0.0, ::1 → ::"


def test_a_socket_that_another_program_takes_over_has_another_owner(
    db: Path, writer: Writer
) -> None:
    writer.begin_watch(START, PLAN)
    held = listens(80, pid=1, name="systemd")
    (born,) = writer.record_changes(START, [Opening(held, START, Precision.KERNEL)])
    taken = listens(80, pid=2, name="nginx")
    writer.record_changes(LATER, reowned=[(born, taken)])
    (row,) = between(db, START, LATER)
    assert (row["change"], row["was"], row["is"]) == (
        "changed owner",
        "systemd, pid 1, www",
        "nginx, pid 2, www",
    )


ADDRESSES = ("127.0.0.1", "127.0.0.2", "0.0.0.0", "192.168.1.2", "::1", "::")
PLACES = ("", "web.service", "db.service")
_ROW = st.fixed_dictionaries(
    {
        "id": st.integers(1, 12),
        "port": st.sampled_from([80, 443]),
        "ip": st.sampled_from(ADDRESSES),
        "name": st.sampled_from(["node", "nginx", None]),
        "script": st.sampled_from(["a.js", "b.js"]),
        "place": st.sampled_from(PLACES),
        "pid": st.integers(1, 3),
        "user": st.sampled_from(["root", "www", None]),
    }
)
_MOMENT = st.lists(_ROW, max_size=6, unique_by=lambda row: row["id"])


def seen(rows: list[dict[str, Any]]) -> list[Row]:
    """Rows as compared_rows has them, of a listener's row that stays the same while its id does."""
    found: list[Row] = []
    for row in rows:
        # The socket of an id never changes; its owner may.
        port, ip = (80, 443)[row["id"] % 2], ADDRESSES[row["id"] % len(ADDRESSES)]
        name = row["name"]
        known = name and Identity(row["place"], name, f"/bin/{name}", row["script"], "/")
        found.append(
            {
                "id": row["id"],
                "port": port,
                "protocol": "tcp",
                "service": "",
                "ip": ip,
                "address": ip,
                "owner": name or "not known",
                "pid": row["pid"],
                "user": row["user"],
                "home": row["place"],
                "identity": known,
                "exposure": exposure(Bound(ip)).value,
                "interface": "",
                "v6only": None,
                "namespace": "own",
                "certainty": "",
            }
        )
    return found


MIRRORED = {
    Change.OPENED: Change.CLOSED,
    Change.CLOSED: Change.OPENED,
    Change.BECAME_REACHABLE: Change.NOT_REACHABLE,
    Change.NOT_REACHABLE: Change.BECAME_REACHABLE,
}


def told(found: list[Found], *, mirrored: bool = False) -> list[tuple[object, ...]]:
    rows = found
    if not mirrored:
        return sorted(
            (
                row["change"],
                row["port"],
                row["exposure_was"],
                row["exposure_is"],
                row["was"],
                row["is"],
            )
            for row in rows
        )
    return sorted(
        (
            MIRRORED.get(row["change"], row["change"]),
            row["port"],
            row["exposure_is"],
            row["exposure_was"],
            row["is"],
            row["was"],
        )
        for row in rows
    )


@given(_MOMENT, _MOMENT)
def test_the_way_back_is_the_mirror_of_the_way_there(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    one, other = seen(before), seen(after)
    assert told(differences(one, other)) == told(differences(other, one), mirrored=True)


@given(_MOMENT)
def test_a_moment_does_not_differ_from_itself(rows: list[dict[str, Any]]) -> None:
    assert not differences(seen(rows), seen(rows))


@given(_MOMENT, _MOMENT)
def test_as_many_open_more_as_are_more(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    found = differences(seen(before), seen(after))
    told_kinds = [row["change"] for row in found]
    opened, closed = (told_kinds.count(kind) for kind in (Change.OPENED, Change.CLOSED))
    assert opened - closed == len(after) - len(before)
