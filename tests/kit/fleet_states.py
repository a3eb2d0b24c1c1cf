"""States that hosts of a fleet get into, as their rows at the server tell them."""

from tests.kit.fleet import Fleet

_DAY = 86_400_000_000


def wait_for_ever(fleet: Fleet) -> None:
    """No host counts as silent because a test takes its time."""
    fleet.ask(f"UPDATE host SET beat = {_DAY}")


def silence(fleet: Fleet, name: str) -> None:
    """The host has shipped nothing for ten days."""
    fleet.ask("UPDATE host SET received_at = now_us() - %s WHERE name = %s", 10 * _DAY, name)
    _see_last(fleet, name, f"now_us() - {10 * _DAY}")


def unwatch(fleet: Fleet, name: str) -> None:
    """The host ships, and its monitor was stopped a day ago."""
    _see_last(fleet, name, f"now_us() - {_DAY}", "seen_at")


def fall_behind(fleet: Fleet, name: str, events: int) -> None:
    """The host has so many events that it has not shipped yet."""
    fleet.ask("UPDATE host SET behind = %s WHERE name = %s", events, name)


def set_clock(fleet: Fleet, name: str, seconds: int) -> None:
    """The clock of the host differs from the server's by so much."""
    fleet.ask("UPDATE host SET skew = %s WHERE name = %s", seconds * 1_000_000, name)
    _see_last(fleet, name, f"h.received_at + {seconds * 1_000_000}")


def retire(fleet: Fleet, name: str) -> None:
    """The host's login was taken away a day ago."""
    fleet.ask("UPDATE host SET retired_at = now_us() - %s WHERE name = %s", _DAY, name)


def _see_last(fleet: Fleet, name: str, at: str, stopped: str = "NULL") -> None:
    fleet.ask(
        f"UPDATE watch w SET seen_at = {at} FROM host h"
        " WHERE h.host_id = w.host_id AND h.name = %s",
        name,
    )
    fleet.ask(
        f"UPDATE watch w SET stopped_at = {stopped} FROM host h"
        " WHERE h.host_id = w.host_id AND h.name = %s",
        name,
    )
