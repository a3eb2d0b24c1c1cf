"""The summary of a listener: its life in one sentence."""

from zoneinfo import ZoneInfo

from porteye_core.exposure import Exposure, exposure
from porteye_core.model import Hidden, Precision, Protocol
from porteye_core.reach import InterfaceKind
from porteye_core.store.reading import Life
from porteye_core.ui.times import ago, moment, rough_length

_UNSEEN = {
    Hidden.PRIVILEGE: "A process that only administrative rights would show",
    Hidden.GONE: "A process that had ended before it could be read",
    Hidden.KERNEL: "The kernel or another pid namespace",
    None: "A process that is still searched for",
}

_REACHES = {
    Exposure.EVERYWHERE: "on every interface",
    Exposure.IPV6: "on every interface over IPv6 only",
    Exposure.MACHINE: "for this machine only",
    Exposure.CONTAINERS: "for this machine and its containers",
    Exposure.LINK: "for the neighbours on one link",
    Exposure.NETWORK: "on one network",
    Exposure.CONTAINER: "inside a container",
    Exposure.UNKNOWN: "in a network namespace that is not known",
}


def sentence(life: Life, now: int, zone: ZoneInfo, last_watched: int | None = None) -> str:
    """The sentence about a listener; `last_watched`: when the monitor stopped watching, None
    while it watches."""
    said = f"{_who(life)} {_does(life, last_watched)} {_where(life)} {_when(life, now, zone)}"
    if life.closed_at is not None:
        return f"{said}."
    if life.unseen_at is not None:
        lost = moment(life.unseen_at, now, zone)
        return f"{said}. Since {lost} it could not be looked for: it may have closed."
    if last_watched is not None:
        return f"{said}, when it was last watched, {moment(last_watched, now, zone)}."
    return f"{said}."


_OPENING = {
    Precision.KERNEL: "Its opening is a record of the kernel.",
    Precision.POLL: "A scan found it open, which the one before did not show.",
    Precision.GAP: "It was open already when a scan first could show it.",
}


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


def _who(life: Life) -> str:
    if not life.title:
        return _UNSEEN[life.hidden] + (f", user {life.user}," if life.user else "")
    said = [life.title]
    if life.pid is not None:
        said.append(f"pid {life.pid}")
    if life.user:
        said.append(f"user {life.user}")
    if life.container:
        said.append(f"in the container {life.container}")
    elif life.unit:
        said.append(f"started by {life.unit}")
    elif life.parents:
        said.append(f"started by {life.parents[0].name}")
    return ", ".join(said) + ("," if len(said) > 1 else "")


def _does(life: Life, last_watched: int | None) -> str:
    udp = life.protocol is Protocol.UDP
    if life.closed_at is not None:
        return "was bound to UDP" if udp else "listened"
    if last_watched is not None or life.unseen_at is not None:
        return "was bound to UDP" if udp else "was listening"
    return "has been bound to UDP" if udp else "has listened"


def _where(life: Life) -> str:
    bound, reach = life.bound, exposure(life.bound)
    place = _REACHES[reach]
    if reach is Exposure.UNKNOWN and bound.interface_kind is InterfaceKind.GONE:
        place = "on an interface that has been removed"
    elif reach is Exposure.NETWORK and bound.interface_kind is InterfaceKind.VRF:
        place = "on the network of a VRF"
    if reach is Exposure.EVERYWHERE and bound.is_dual:
        place += " over IPv4 and IPv6"
    elif reach not in (Exposure.EVERYWHERE, Exposure.IPV6):
        place += f" ({bound})"
    return f"{place} at {life.port}"


def _when(life: Life, now: int, zone: ZoneInfo) -> str:
    opened = moment(life.opened_at, now, zone)
    since = f"some time before {opened}" if life.opened_seen is Precision.GAP else opened
    if life.closed_at is None:
        return f"since {since}, {ago(life.opened_at, now)}"
    closed = moment(life.closed_at, now, zone)
    until = f"some time before {closed}" if life.closed_seen is Precision.GAP else closed
    gap = Precision.GAP in (life.opened_seen, life.closed_seen)
    about = "about " if gap else ""
    return f"from {since} to {until}, for {about}{rough_length(life.closed_at - life.opened_at)}"
