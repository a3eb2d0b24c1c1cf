"""`porteye now`: what listens, by port."""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from porteye_core.command.exits import HELD
from porteye_core.command.present import present, warn_program
from porteye_core.command.question import Question
from porteye_core.command.screen import Column, Screen, Style
from porteye_core.containers import shown_container
from porteye_core.reach import reachable_of
from porteye_core.spoken_times import moment
from porteye_core.store.reading import RowReader

_COLUMNS = (
    Column("PORT", is_number=True),
    Column("PROTOCOL", 4),
    Column("ADDRESS", 5),
    Column("PROGRAM", is_cut=True),
    Column("PID", 1, is_number=True),
    Column("USER", 3),
    Column("REACHABLE FROM", 2),
    Column("SINCE", 6),
)
# The fields of the API's records that programs read by a tab; the rest comes with --json.
_FIELDS = (
    *("port", "protocol", "address", "interface", "exposure", "title", "pid", "user", "unit"),
    *("container", "since", "cmdline"),
)


def now(given: Namespace, question: Question, screen: Screen) -> int:
    """List what listens; returns the exit status."""
    wanted = question.filters(given)
    if given.exposed:
        wanted = replace(wanted, exposure=reachable_of(wanted.exposure))
    with present(question.db, question.now, question.zone) as known:
        nothing = given.exposed and not wanted.exposure
        records = [] if nothing else known.now.open_now_records(wanted, known.at)
        if question.is_json or not screen.is_terminal:
            warn_program(known)
        if question.is_json:
            screen.write_json(records)
        elif screen.is_terminal:
            _show(_services(records, known.now), question, screen, is_scan=known.is_scan)
            if known.note:
                screen.write(known.note, Style.WARNING)
        else:
            screen.write_tabs(_FIELDS)
            for each in records:
                screen.write_tabs(each[name] for name in _FIELDS)
    return HELD


def _services(records: Sequence[dict[str, Any]], reader: RowReader) -> list[dict[str, Any]]:
    """The records, those of both ends of a published port as one: the host's port, address and
    exposure, with the program in the container."""
    shown = {each["id"] for each in records}
    services = []
    for each in records:
        if each["published_by"] in shown:
            continue
        inside = None if each["leads_to"] is None else reader.listener(each["leads_to"])
        if inside is not None:
            owner = {"title": inside.title, "pid": inside.pid, "user": inside.user}
            services.append({**each, **owner, "home": inside.shown_container})
        else:
            home = shown_container(each["container"], each["container_name"], each["pod"])
            services.append({**each, "home": home})
    return services


def _show(
    records: Sequence[dict[str, Any]], question: Question, screen: Screen, *, is_scan: bool
) -> None:
    if not records:
        screen.write("Nothing listens that the filters let through.")
        return
    rows = [
        (
            *(str(each["port"]), each["protocol"], _address(each)),
            _program(each),
            *("" if each["pid"] is None else str(each["pid"]), each["user"], each["exposure"]),
            _since(each, question),
        )
        for each in records
    ]
    last = -1 if is_scan else None  # a scan does not know since when
    screen.write_table(_COLUMNS[:last], [row[:last] for row in rows])


def _program(record: dict[str, Any]) -> str:
    """The program, and the container that it runs in."""
    title = str(record["title"] or record["hidden"])
    return f"{title} in {record['home']}" if record["home"] else title


def _address(record: dict[str, Any]) -> str:
    address = str(record["address"])
    address = "*" if address == "::" and record["v6only"] is False else address
    return f"{address}%{record['interface']}" if record["interface"] else address


def _since(record: dict[str, Any], question: Question) -> str:
    opened = question.micros(record["since"])
    shown = moment(opened, question.now, question.zone)
    return f"{shown} at least" if record["since_seen"] == "gap" else shown
