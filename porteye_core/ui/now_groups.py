"""The services that listen now, a row for each program, unit or exposure."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import pandas as pd

from porteye_core.judging.acceptance import ACCEPTED
from porteye_core.judging.verdicts import GRAVITY
from porteye_core.reach import LOCAL, REACHABLE, Exposure
from porteye_core.ui import cell_text
from porteye_core.ui.layout import in_order
from porteye_core.ui.table_columns import columns, reachable_from

_MIB = 1 << 20
_WIDTHS = {
    "group": 210,
    "count": 72,
    "ports": 210,
    "exposure": 280,  # three of them
    "verdict": 180,  # two of them
    "clients": 64,
    "cpu": 64,
    "memory": 80,
}
COLUMNS = columns(_WIDTHS)
_WIDEST_FIRST = (*reversed((*LOCAL, *REACHABLE)), Exposure.CONTAINER, Exposure.UNKNOWN)
_VERDICT = "verdict"  # there only if something says what is expected
_ON_A_PHONE = ("group", "count", "verdict", "ports")
_GRAVEST_FIRST = (*GRAVITY, ACCEPTED)


class By(StrEnum):
    """The property that the services of a group share; the value stands in the URL."""

    NOTHING = "nothing"
    PROGRAM = "program"
    UNIT = "unit"
    EXPOSURE = "exposure"


def names(services: pd.DataFrame, by: By) -> list[str]:
    """The group of each service; empty for what has none. Of exposures the widest counts."""
    if by is By.EXPOSURE:
        return [each[0] for each in services["exposure"].tolist()]
    column = services["process" if by is By.PROGRAM else "home"].tolist()
    return [each if isinstance(each, str) else "" for each in column]


def groups(services: pd.DataFrame, by: By) -> pd.DataFrame:
    """A row for each group, the one with most services first: name, count, ports, exposure,
    clients, cpu in percent of a core and memory in MiB, each process counted once; and where the
    services are judged their verdicts, the gravest first."""
    found = dict[str, list[dict[Any, Any]]]()
    for name, service in zip(names(services, by), services.to_dict("records"), strict=True):
        found.setdefault(name, []).append(service)
    rows = [_group(name, by, members) for name, members in found.items()]
    shown = [each for each in _WIDTHS if each != _VERDICT or _VERDICT in services]
    frame = pd.DataFrame(rows, columns=["name", *shown])
    for column in ("cpu", "memory"):
        frame[column] = frame[column].astype("Float64").round(1 if column == "cpu" else 0)
    frame["clients"] = frame["clients"].astype("Int64")
    return frame.sort_values("count", ascending=False, kind="stable", ignore_index=True)


def shown(rows: pd.DataFrame) -> list[str]:
    """The columns of these rows in their order."""
    return [each for each in in_order(COLUMNS, _ON_A_PHONE) if each in rows]


def label(name: str, by: By) -> str:
    """The name of a group as a reader sees it."""
    return reachable_from(name) if by is By.EXPOSURE else name or "none"


def _group(name: str, by: By, members: list[dict[Any, Any]]) -> dict[str, Any]:
    use = {process: numbers for each in members for process, numbers in each["use"].items()}
    cpu, rss = (_sum(numbers[at] for numbers in use.values()) for at in (0, 1))
    ports = ", ".join(map(str, sorted({each["port"] for each in members})))
    return {
        "name": name,
        "group": cell_text.fitted(label(name, by), _WIDTHS["group"]),
        "count": len(members),
        "ports": cell_text.fitted(ports, _WIDTHS["ports"]),
        "exposure": _exposures(each["exposure"] for each in members),
        "verdict": _verdicts(each.get(_VERDICT, "") for each in members),
        "clients": _sum(each["clients"] for each in members),
        "cpu": cpu,
        "memory": None if rss is None else rss / _MIB,
    }


def _exposures(of: Iterable[list[str]]) -> list[str]:
    """The exposures of a group's services, the widest first; every interface has IPv6 in it."""
    found = {reach for each in of for reach in each}
    if Exposure.EVERYWHERE.value in found:
        found.discard(Exposure.IPV6.value)
    return [each.value for each in _WIDEST_FIRST if each.value in found]


def _verdicts(of: Iterable[str]) -> list[str]:
    found = set(of)
    return [each for each in _GRAVEST_FIRST if each in found]


def _sum(values: Iterable[Any]) -> Any:
    known = [each for each in values if not pd.isna(each)]
    return sum(known) if known else None
