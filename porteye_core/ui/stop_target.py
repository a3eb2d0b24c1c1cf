"""The process that stopping a listener means, or the reason why it is not known for certain."""

from porteye_core.stopping import Refusal, Target
from porteye_core.store.reading import Life, Reader


def target_of(reader: Reader, life: Life) -> Target | Refusal:
    """The owner of an open listener, as the system can be asked for it."""
    if life.closed_at is not None:
        return Refusal("The listener has closed.")
    if life.pid is None or life.started_at is None:
        return Refusal("Its owner is not known.")
    if life.inode is None:
        return Refusal(
            "The socket has no number: the monitor reads sockets by psutil, or has not yet scanned"
            " it."
        )
    boot = reader.boot(life.id)
    if not boot.is_present:
        return Refusal("It was seen on another machine, or before this one started.")
    return Target(
        life.id,
        life.pid,
        life.started_at,
        boot.at,
        life.inode,
        life.protocol,
        life.port,
        life.process,
    )
