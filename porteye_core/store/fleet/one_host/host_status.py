"""The state of a host's monitor, as far as the fleet knows it."""

from porteye_core.store.fleet.host_connection import HostConnection
from porteye_core.store.fleet.hosts import HostState, host
from porteye_core.store.reading import State, Status
from porteye_core.store.reading.status import latest

# What the fleet has of a host whose clock is off is what is so; the page says that of the clock.
_STATES = {
    HostState.RETIRED: State.RETIRED,
    HostState.NEVER: State.NEVER,
    HostState.SILENT: State.SILENT,
    HostState.UNWATCHED: State.STOPPED,
    HostState.BEHIND: State.BEHIND,
    HostState.CLOCK: State.WATCHING,
    HostState.REPORTING: State.WATCHING,
}


def status(connection: HostConnection, host_id: int) -> Status:
    """The state of the monitor of the host that this connection reads, by the server's clock."""
    of, found = host(connection, host_id), latest(connection)
    state = _STATES[of.state]
    if found is None:
        return Status(State.NEVER if state is State.STOPPED else state, None, None, host=of.name)
    pid = found.pid if state is State.WATCHING else None
    names = connection.execute(
        "SELECT name FROM host WHERE id != ? ORDER BY id", (found.host_id,)
    ).fetchall()
    return found.status(state, pid, host=of.name, other_hosts=tuple(row["name"] for row in names))
