"""Containers are stored once, with names that come when they are known."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from porteye_core.containers import Container
from porteye_core.model import (
    AttributedSocket,
    Closing,
    Endpoint,
    Family,
    Filters,
    Listener,
    Opening,
    Precision,
    Process,
    ProcessKey,
    Program,
    Protocol,
    Socket,
)
from porteye_core.store.reading import open_reader
from porteye_core.store.retention.orphans import drop_orphans
from porteye_core.store.retention.purge import Purge
from porteye_core.store.tables.process_table import ProcessTable
from porteye_core.store.writing.writer import Writer
from tests.kit.values import SECOND

ID = "0123456789abcdef" * 4
START, DAY = 100 * SECOND, 86_400 * SECOND
WEB = Container(
    *("docker", ID, "shop-web-1", "nginx:1.27", "shop", "web"),
    published="0.0.0.0:8080->80/tcp",
    addresses="172.18.0.3",
)


def opened(writer: Writer, port: int, container: str, at: int = START) -> Listener:
    process = Process(ProcessKey(port, port), Program("nginx"), container=container)
    socket = Socket(Endpoint(Protocol.TCP, Family.IPV4, "0.0.0.0", port))
    owned = AttributedSocket(socket, process, (process,))
    return writer.record_changes(at, [Opening(owned, at, Precision.KERNEL)])[0]


def rows(db: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(db)) as connection:
        return connection.execute(statement).fetchall()


def names(db: Path) -> Sequence[object]:
    return [name for (name,) in rows(db, "SELECT container_name FROM container ORDER BY id")]


def test_the_processes_of_a_container_refer_to_one_row(db: Path, writer: Writer) -> None:
    opened(writer, 80, f"docker:{ID}")
    opened(writer, 81, f"docker:{ID} pod:12345678-1")
    opened(writer, 82, "")
    assert rows(db, "SELECT pid, container_id FROM process ORDER BY pid") == [
        *((80, 1), (81, 1), (82, None))
    ]
    assert rows(db, "SELECT runtime, runtime_id FROM container") == [("docker", ID)]


def test_names_that_come_later_are_those_of_what_opened_before(db: Path, writer: Writer) -> None:
    born = opened(writer, 80, f"docker:{ID}")
    with open_reader(db) as reader:
        (record,) = reader.open_now_records(Filters(), START)
    assert (record["container"], record["container_name"]) == (f"docker:{ID}", "")
    writer.record_containers(START + SECOND, [WEB])
    with open_reader(db) as reader:
        (record,) = reader.open_now_records(Filters(), START)
        (event,) = reader.event_records(Filters())
        life = reader.listener(born.id)
        frame = reader.open_now(Filters(), START)
    for told in (record, event):
        assert (told["container"], told["container_name"]) == (f"docker:{ID}", "shop-web-1")
        assert (told["image"], told["compose_project"]) == ("nginx:1.27", "shop")
        assert told["compose_service"] == "web"
    assert life is not None
    assert life.named == WEB
    assert frame["home"].tolist() == ["shop-web-1"]


def test_names_that_come_first_are_kept_for_what_opens_next(db: Path, writer: Writer) -> None:
    writer.record_containers(START, [WEB])
    opened(writer, 80, f"docker:{ID}")
    assert rows(db, "SELECT count(*), max(container_id) FROM process JOIN container c ON true") == [
        (1, 1)
    ]
    assert names(db) == ["shop-web-1"]


def test_a_container_that_is_renamed_has_its_new_name(db: Path, writer: Writer) -> None:
    opened(writer, 80, f"docker:{ID}")
    writer.record_containers(START, [WEB])
    writer.record_containers(START, [replace(WEB, container_name="front", image="")])
    assert rows(db, "SELECT container_name, image FROM container") == [("front", "nginx:1.27")]


def test_a_name_stays_with_what_has_closed(db: Path, writer: Writer) -> None:
    born = opened(writer, 80, f"docker:{ID}")
    writer.record_containers(START, [WEB])
    writer.record_changes(START + SECOND, closed=[Closing(born, START + SECOND, Precision.KERNEL)])
    with open_reader(db) as reader:
        frame = reader.events(Filters())
    assert frame["home"].tolist() == ["shop-web-1", "shop-web-1"]


def test_a_container_whose_id_is_its_name_is_named_at_once(db: Path, writer: Writer) -> None:
    opened(writer, 80, "lxc:web")
    assert names(db) == ["web"]


def test_a_filter_finds_a_container_by_each_of_its_names(db: Path, writer: Writer) -> None:
    opened(writer, 80, f"docker:{ID}")
    opened(writer, 81, "docker:" + "f" * 64)
    pod = Container("docker", "f" * 64, "nginx", pod="Größe-0", pod_namespace="prod")
    writer.record_containers(START, [WEB, pod])
    with open_reader(db) as reader:
        for text, port in (
            *(("SHOP-WEB", 80), ("shop", 80), ("GRÖSSE", 81), ("ffffffffffff", 81)),
            (ID[:12], 80),
        ):
            found = Filters(home=text)
            assert [each["port"] for each in reader.open_now_records(found, START)] == [port]
            assert [each["port"] for each in reader.event_records(found)] == [port]
            assert [each.port for each in reader.of_home(text, 5)] == [port]
        assert reader.open_now_records(Filters(home="shop%web"), START) == []


def test_a_container_whose_listeners_have_closed_is_found_by_its_name(
    db: Path, writer: Writer
) -> None:
    named = opened(writer, 80, f"docker:{ID}")
    other = opened(writer, 81, "docker:" + "f" * 64)
    writer.record_containers(START, [WEB])
    ends = [Closing(each, START + SECOND, Precision.KERNEL) for each in (other, named)]
    writer.record_changes(START + SECOND, closed=ends)
    with open_reader(db) as reader:
        assert [each.port for each in reader.of_home("shop-web", 5)] == [80]
        assert [each.port for each in reader.of_home("f" * 12, 5)] == [81]
        assert reader.of_home("nobody's", 5) == []


def test_a_container_goes_with_its_last_process(db: Path, writer: Writer) -> None:
    first, _ = (
        opened(writer, port, container) for port, container in ((80, "lxc:a"), (81, "lxc:b"))
    )
    writer.record_changes(START, closed=[Closing(first, START, Precision.KERNEL)])
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        for _ in Purge(connection).events(START + DAY, "age"):
            pass
        for _ in drop_orphans(connection, ProcessTable(connection, 1)):
            pass
    assert names(db) == ["b"]
    assert rows(db, "PRAGMA foreign_key_check") == []


def test_a_container_of_the_same_name_is_the_same_place_when_it_was_made_anew(
    db: Path, writer: Writer
) -> None:
    first = opened(writer, 80, f"docker:{ID}")
    writer.record_containers(START, [WEB, replace(WEB, runtime_id="f" * 64)])
    later = START + 60 * SECOND
    writer.record_changes(later, closed=[Closing(first, later, Precision.KERNEL)])
    process = Process(ProcessKey(500, 500), Program("nginx"), container="docker:" + "f" * 64)
    socket = Socket(Endpoint(Protocol.TCP, Family.IPV4, "0.0.0.0", 80))
    again = AttributedSocket(socket, process, (process,))
    writer.record_changes(later, [Opening(again, later, Precision.KERNEL)])
    with open_reader(db) as reader:
        found = reader.changes(Filters(), START + SECOND, later + SECOND, watching=True)
    assert found is not None
    assert [str(each["change"]) for each in found.rows] == ["restarted"]
