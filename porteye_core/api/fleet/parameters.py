"""The parameters of questions over many hosts."""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from starlette.datastructures import QueryParams

from porteye_core import host_patterns
from porteye_core.api import moments
from porteye_core.api.parameters import OfListeners
from porteye_core.errors import FilterError
from porteye_core.model import Filters
from porteye_core.store.fleet.many_hosts.newest_events import EventPlace

_HOST = Query(
    description="names and patterns of hosts, with commas: `web*, db1`; every host without it."
    " The paths of one machine answer a single name as that host would, without `host` in a record",
    json_schema_extra={"maxLength": 100 * host_patterns.MAX_LENGTH},
)
_BEFORE = Query(description="only those before this place, which the header `Link` has")
_BY = Query(description="hour or day, of UTC")
_PATTERN = re.compile(r"[*?\[,]")
_MONTH = 30 * 86_400_000_000


def names_one_host(query: QueryParams) -> bool:
    """Tell whether a question is about a single host, by its name."""
    text = query.get("host", "").strip()
    return bool(text) and not _PATTERN.search(text)


def _hosts(host: Annotated[str, _HOST] = "") -> host_patterns.Patterns:
    return host_patterns.parse(host, "host")


Hosts = Annotated[host_patterns.Patterns, Depends(_hosts)]
"""The names and patterns of the hosts that a question is about."""


def _before(before: Annotated[str, _BEFORE] = "") -> EventPlace | None:
    return EventPlace.of(before) if before.strip() else None


BeforePlace = Annotated[EventPlace | None, Depends(_before)]
"""The event after which a page goes on."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """The filters of a question about activity, its time, and whether it counts by the day."""

    which: Filters
    since: int
    until: int
    days: bool


def _buckets(which: OfListeners, by: Annotated[str, _BY] = "hour") -> Buckets:
    until = moments.now() if which.until is None else which.until
    since = until - _MONTH if which.since is None else which.since
    word = by.strip().lower() or "hour"
    if word not in {"hour", "day"}:
        raise FilterError("by", f"“{by[:40]}” is no length of a bucket.", "Use hour or day.")
    if since > until:
        raise FilterError("since", "The time ends before it begins.", "Swap since and until.")
    return Buckets(which, since, until, word == "day")


OfActivity = Annotated[Buckets, Depends(_buckets)]
"""A question about activity."""
