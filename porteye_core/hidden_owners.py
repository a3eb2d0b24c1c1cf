"""Reasons for an unknown owner, in the words that page and API share."""

from typing import NamedTuple

from porteye_core.model import Hidden


class Reason(NamedTuple):
    """The reason in a table's cell, and as a sentence."""

    short: str
    long: str


# For a socket without owner and reason: the monitor has not read every process yet.
SEARCHING = Reason("still searched for", "owner not known yet: the search goes on")
REASONS = {
    Hidden.PRIVILEGE: Reason(
        "needs root", "owner hidden: run the monitor with administrative rights"
    ),
    Hidden.GONE: Reason(
        "ended before it could be read",
        "owner unknown: the process had ended before it could be read",
    ),
    Hidden.KERNEL: Reason(
        "kernel or other container",
        "no owner: the kernel or another pid namespace holds the socket",
    ),
}


def reason(hidden: str | None, owner: str | None) -> Reason | None:
    """Reason for an unknown owner; None if it is known."""
    if hidden:
        return REASONS[Hidden(hidden)]
    return None if owner else SEARCHING
