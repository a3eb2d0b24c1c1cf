"""The summary of a listener: who listens where, and since when, in three short sentences."""

from collections.abc import Iterable
from typing import NamedTuple
from zoneinfo import ZoneInfo

from porteye_core.exposure import in_words
from porteye_core.model import Hidden, Precision, Protocol
from porteye_core.store.reading import Life
from porteye_core.ui.markdown import literal
from porteye_core.ui.times import moment, rough_length

_UNKNOWN = {
    Hidden.PRIVILEGE: "A process that needs root to be seen",
    Hidden.GONE: "A process that had ended before it could be read",
    Hidden.KERNEL: "The kernel or another container",
    None: "A process that is still searched for",
}
_OPENING = {
    Precision.KERNEL: "Its opening is a record of the kernel.",
    Precision.POLL: "A scan found it open, which the one before did not show.",
    Precision.GAP: "It was open already when a scan first could show it.",
}
# A socket is made after its process has started; clocks and rounding differ by less.
_EARLIER_US = 1_000_000


class _Words(NamedTuple):
    """A piece of a sentence."""

    text: str
    bold: bool = False


def sentence(life: Life, now: int, zone: ZoneInfo, last_watched: int | None = None) -> str:
    """The summary as plain text; `last_watched`: when the monitor stopped watching, None while it
    watches."""
    return "".join(each.text for each in _summary(life, now, zone, last_watched))


def markdown(life: Life, now: int, zone: ZoneInfo, last_watched: int | None = None) -> str:
    """The same as Markdown, with the program and the address in bold."""
    return "".join(
        f"**{literal(each.text)}**" if each.bold else _literal_within(each.text)
        for each in _summary(life, now, zone, last_watched)
    )


def name(life: Life) -> str:
    """The port, the program and the address of a listener in short."""
    return f"{life.port}/{life.protocol} {life.title or 'unknown'} on {life.bound}"


def address(life: Life) -> str:
    """The address of a listener with its port, as it would stand in a URL."""
    return f"{life.bound}:{life.port}"


def reach(life: Life) -> str:
    """The hosts that can reach a listener, in few words."""
    return in_words(life.bound)


def chain(life: Life) -> list[str]:
    """The names of the owner and the processes that it comes from, the first ancestor first."""
    return [*(each.name for each in reversed(life.parents)), *([life.title] if life.title else [])]


def evidence(life: Life) -> str:
    """The ways in which the opening and the owner are known."""
    said = [_OPENING[life.opened_seen]]
    if life.pid is None:
        return said[0]
    if life.inode is None:
        said.append("Its owner is the process that the record or the scan names.")
    else:
        said.append(
            f"Its owner has the socket, inode {life.inode}, among its descriptors or those of one"
            " of its threads."
        )
    return " ".join(said)


def _summary(life: Life, now: int, zone: ZoneInfo, last_watched: int | None) -> Iterable[_Words]:
    open_ = life.closed_at is None and life.unseen_at is None and last_watched is None
    yield _Words(life.title or _UNKNOWN[life.hidden], bold=bool(life.title))
    yield _Words(" listens on " if open_ else " listened on ")
    yield _Words(address(life), bold=True)
    yield _Words(" over UDP" if life.protocol is Protocol.UDP else "")
    yield _Words(f" ({reach(life)}).{_owner(life)} {_when(life, now, zone)}")
    if life.closed_at is not None:
        return
    if life.unseen_at is not None:
        lost = _clock(life.unseen_at, now, zone)
        yield _Words(f" Since {lost} it could not be looked for: it may have closed.")
    elif last_watched is not None:
        yield _Words(f" It was last watched {_clock(last_watched, now, zone)}.")


def _owner(life: Life) -> str:
    said = [
        *([f"pid {life.pid}"] if life.pid is not None else []),
        *([life.user] if life.user else []),
        *([_home(life)] if _home(life) else []),
    ]
    if not said:
        return ""
    if life.pid is None and life.user:
        said[0] = f"User {life.user}"
    return f" {', '.join(said)}."


def _home(life: Life) -> str:
    if life.container:
        return f"container {life.shown_container}"
    if life.unit:
        return life.unit
    return f"started by {life.parents[0].name}" if life.parents else ""


def _when(life: Life, now: int, zone: ZoneInfo) -> str:
    opened = _clock(life.opened_at, now, zone)
    is_older = life.opened_seen is Precision.GAP
    if life.closed_at is None:
        if not is_older:
            return f"Up since {opened}, for {rough_length(now - life.opened_at)}."
        return (
            f"Up since at least {opened}, when PortEye began to watch{_started(life, now, zone)}."
        )
    closed = _clock(life.closed_at, now, zone)
    is_later = life.closed_seen is Precision.GAP
    until = f"some time before {closed}" if is_later else closed
    since = f"before {opened}" if is_older else opened
    about = "about " if is_older or is_later else ""
    lasted = rough_length(life.closed_at - life.opened_at)
    return f"Open from {since} to {until}, for {about}{lasted}."


def _clock(micros: int, now: int, zone: ZoneInfo) -> str:
    """A time, of which today goes without saying."""
    return moment(micros, now, zone).removeprefix("today ")


def _started(life: Life, now: int, zone: ZoneInfo) -> str:
    """The start of the process where it says more than the start of watching does."""
    started = life.started_at
    if not started or started > life.opened_at - _EARLIER_US:
        return ""
    return f"; its process started {_clock(started, now, zone)}"


def _literal_within(text: str) -> str:
    """Literal text with the spaces at its ends, which part it from what stands beside it."""
    inner = text.strip(" ")
    if not inner:
        return text
    start = len(text) - len(text.lstrip(" "))
    return " " * start + literal(inner) + " " * (len(text.rstrip(" ")) < len(text))
