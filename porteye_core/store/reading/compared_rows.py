"""The listeners that were open at a moment, as rows that can be compared with another moment's."""

from typing import Any

from porteye_core.containers import parts
from porteye_core.exposure import exposure
from porteye_core.model import Filters
from porteye_core.port_names import service
from porteye_core.programs import Identity
from porteye_core.store import engine
from porteye_core.store.reading.coverage import MomentCoverage
from porteye_core.store.reading.listener_rows import bound_of, home_name, owner_reason
from porteye_core.store.reading.open_listeners import open_at_rows

_IDENTIFYING = ("process", "exe", "cmdline", "unit", "container", "cwd")


def compared_rows(
    connection: engine.Connection, filters: Filters, at: int, coverage: MomentCoverage
) -> list[dict[str, Any]]:
    """The rows of open_at_rows, each with its words: `owner` is the title, or the reason why it is
    not known, `ip` the address without its interface, `identity` what a restart leaves the same."""
    return [_described(row) for row in open_at_rows(connection, filters, at, coverage)]


def _described(row: dict[str, Any]) -> dict[str, Any]:
    place = bound_of(row)
    identifying = [{**row, "container": _container(row)}[name] for name in _IDENTIFYING]
    is_known = all(isinstance(each, str) for each in identifying)
    return {
        **row,
        "ip": row["address"],
        "address": place.shown,
        "exposure": exposure(place).value,
        "service": service(row["port"], row["protocol"]),
        "home": home_name(row["unit"], row["container"], row["container_name"], row["pod"]),
        "owner": row["title"] or owner_reason(row["hidden"]),
        "identity": Identity.of(*identifying) if is_known else None,
    }


def _container(row: dict[str, Any]) -> Any:
    """The container by its name, for one that is made anew has another id; a pod is known by its
    own id."""
    container = row["container"]
    if not row["container_name"] or parts(container)[2]:
        return container
    return row["container_name"]
