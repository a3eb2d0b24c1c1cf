"""Random operations on listeners, from a seed.

python -m tests.kit.operations_process LOG SEED COUNT

Prints "resting" once all are done; some listeners stay open then. Its standard input's end closes
them and ends the process.
"""

import os
import random
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fcntl import ioctl
from pathlib import Path

from tests.kit.actor import (
    CLONE_FILES,
    CLONE_NEWNET,
    Actor,
    Endpoint,
    Log,
    adopt_orphans,
    end_thread,
    enter_network,
    now,
    unshare,
)

_WORKERS = 10
_MAX_HELD = 4  # by a worker, from one operation to the next
# Seconds: nothing, less than a scan takes, less than an interval, and more.
_PAUSES = (0.0, 0.0, 0.0, 0.002, 0.02, 0.1, 0.3, 0.7)
_DELAYS = (0.0, 0.02, 0.1, 0.3)  # after which a parent ends
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1  # linux/sockios.h, linux/if.h

# Loopback addresses of this process: others run beside it.
NETWORK = f"127.{1 + os.getpid() % 254}"

Operation = Callable[[Actor], None]


def pause(actor: Actor) -> None:
    time.sleep(actor.chance.choice(_PAUSES))


def delay(actor: Actor) -> None:
    time.sleep(actor.chance.choice(_DELAYS))


def where(actor: Actor, family: str, *, wildcard: float = 0.2) -> Endpoint:
    """A local address and a port that the kernel chooses."""
    if actor.chance.random() < wildcard:
        return ("0.0.0.0" if family == "ipv4" else "::"), 0
    if family == "ipv6":
        return "::1", 0
    return f"{NETWORK}.{actor.chance.randrange(256)}.{actor.chance.randrange(1, 255)}", 0


def some(actor: Actor, protocol: str | None = None, *, wildcard: float = 0.2) -> str:
    """Open some listener; one of TCP may be unbound, so that listen() chooses its port."""
    protocol = protocol or actor.chance.choice(("tcp", "tcp", "udp"))
    family = actor.chance.choice(("ipv4", "ipv4", "ipv4", "ipv6"))
    bound = actor.chance.random() < 0.9
    return actor.open(protocol, family, where(actor, family, wildcard=wildcard), bound=bound)


# --- one process ---------------------------------------------------------------------------------


def brief(actor: Actor) -> None:
    actor.close(some(actor))


def stay(actor: Actor) -> None:
    """Open a listener that later operations share and close."""
    if len(actor.held) == _MAX_HELD:
        actor.close(actor.chance.choice(sorted(actor.held)))
    some(actor)


def leave(actor: Actor) -> None:
    if actor.held:
        actor.close(actor.chance.choice(sorted(actor.held)))


def duplicate(actor: Actor) -> None:
    life = some(actor)
    actor.held[life].append(actor.held[life][0].dup())
    actor.held[life].pop(0).close()
    pause(actor)
    actor.close(life)


def overwrite(actor: Actor) -> None:
    first, second = some(actor), some(actor)
    pause(actor)
    actor.replace(first, second)
    pause(actor)
    actor.close(second)


def listen_twice(actor: Actor) -> None:
    life = some(actor, "tcp")
    pause(actor)
    actor.held[life][0].listen(5)
    pause(actor)
    actor.close(life)


def listen_unbound(actor: Actor) -> None:
    life = actor.open("tcp", actor.chance.choice(("ipv4", "ipv6")), ("", 0), bound=False)
    pause(actor)
    actor.close(life)


def shut_down(actor: Actor) -> None:
    life = some(actor, "tcp")
    pause(actor)
    with actor.ending(life) as ending:
        ending.shutdown(socket.SHUT_RD)
    pause(actor)
    actor.close(life)


def listen_again(actor: Actor) -> None:
    """Two lives of one socket."""
    with reserved(actor) as (family, endpoint):
        first = actor.open("tcp", family, endpoint, socket.SO_REUSEADDR)
        pause(actor)
        with actor.ending(first) as ending:
            ending.shutdown(socket.SHUT_RD)
        pause(actor)
        second = actor.listen_again(first)
        pause(actor)
        actor.close(second)


def connect_udp(actor: Actor) -> None:
    family = actor.chance.choice(("ipv4", "ipv6"))
    life = actor.open("udp", family, where(actor, family))
    pause(actor)
    with actor.ending(life) as ending:
        ending.connect(("127.0.0.1" if family == "ipv4" else "::1", 9))
    pause(actor)
    actor.close(life)


def twins(actor: Actor) -> None:
    """Several sockets at one endpoint, some of another process."""
    protocol, family = actor.chance.choice(("tcp", "udp")), actor.chance.choice(("ipv4", "ipv6"))
    first = actor.open(protocol, family, where(actor, family), socket.SO_REUSEPORT)
    endpoint = actor.address(first)

    def twin(child: Actor) -> None:
        child.close_all()
        child.open(protocol, family, endpoint, socket.SO_REUSEPORT)
        pause(child)

    lives = [first]
    for _ in range(actor.chance.randrange(1, 4)):
        if actor.chance.random() < 0.5:
            actor.fork(twin)
        else:
            lives.append(actor.open(protocol, family, endpoint, socket.SO_REUSEPORT))
    actor.chance.shuffle(lives)
    for life in lives:
        pause(actor)
        actor.close(life)


def succeed(actor: Actor) -> None:
    """Lives at one port, one after the other."""
    with reserved(actor) as (family, endpoint):
        for _ in range(actor.chance.randrange(2, 6)):
            life = actor.open("tcp", family, endpoint, socket.SO_REUSEADDR)
            pause(actor)
            actor.close(life)


@contextmanager
def reserved(actor: Actor) -> Iterator[tuple[str, Endpoint]]:
    """A port that another socket keeps for those with SO_REUSEADDR, without listening."""
    family = actor.chance.choice(("ipv4", "ipv6"))
    guard = actor.make("tcp", family, socket.SO_REUSEADDR)
    with guard.socket:
        guard.socket.bind(where(actor, family))
        address, port = guard.socket.getsockname()[:2]
        yield family, (address, port)


# --- threads -------------------------------------------------------------------------------------


def in_thread(actor: Actor) -> None:
    lives: list[str] = []
    thread = threading.Thread(target=lambda: lives.append(some(actor)))
    thread.start()
    thread.join()
    pause(actor)
    actor.close(*lives)


def in_own_table(actor: Actor) -> None:
    """A thread with a descriptor table of its own, which alone has the listener."""

    def listen() -> None:
        unshare(CLONE_FILES)
        life = some(actor)
        pause(actor)
        actor.close(life)

    def task(child: Actor) -> None:
        child.close_all()
        thread = threading.Thread(target=listen)
        thread.start()
        thread.join()

    actor.fork(task)


def without_main_thread(actor: Actor) -> None:
    def task(child: Actor) -> None:
        def listen() -> None:
            some(child)
            pause(child)
            child.exit()

        threading.Thread(target=listen).start()
        end_thread()

    actor.fork(task)


# --- several processes ---------------------------------------------------------------------------


def hand_down(actor: Actor) -> None:
    """The opener ends, its child goes on."""

    def opener(child: Actor) -> None:
        some(child)
        child.fork(pause)
        delay(child)

    actor.fork(opener)


def fork_twice(actor: Actor) -> None:
    def daemon(child: Actor) -> None:
        child.fork(pause)

    def opener(child: Actor) -> None:
        some(child)
        child.fork(daemon)
        delay(child)

    actor.fork(opener)


def share(actor: Actor) -> None:
    """Workers that end in any order, with the opener somewhere among them."""

    def opener(child: Actor) -> None:
        some(child)
        for _ in range(actor.chance.randrange(1, 4)):
            child.fork(pause)
        pause(child)

    actor.fork(opener)


def pass_on(actor: Actor) -> None:
    """The opener sends a listener over a Unix socket, and closes it here."""
    ours, theirs = socket.socketpair()

    def receiver(child: Actor) -> None:
        child.close_all()
        ours.close()
        message, (descriptor,), _, _ = socket.recv_fds(theirs, 100, 1)
        child.hold(message.decode(), socket.socket(fileno=descriptor))
        pause(child)

    def opener(child: Actor) -> None:
        theirs.close()
        life = some(child)
        socket.send_fds(ours, [life.encode()], [child.held[life][0].fileno()])
        pause(child)
        child.close(life)
        pause(child)

    actor.fork(receiver)
    actor.fork(opener)
    ours.close()
    theirs.close()


def execute(actor: Actor) -> None:
    """Another program, which inherits a listener and ends with its standard input."""
    stdin, end = os.pipe()

    def opener(child: Actor) -> None:
        child.close_all()
        life = some(child)
        pause(child)
        child.held[life][0].set_inheritable(True)
        os.dup2(stdin, 0)
        os.execv("/bin/cat", ["cat"])

    pid = actor.fork(opener)
    os.close(stdin)
    pause(actor)
    time.sleep(0.05)
    actor.log.write("exits", pid=pid, before=now())
    os.close(end)


# --- network namespaces --------------------------------------------------------------------------


def raise_loopback() -> None:
    with socket.socket() as any_socket:
        ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))


def some_elsewhere(actor: Actor) -> str:
    """Open a listener in a new namespace, which this process enters."""
    unshare(CLONE_NEWNET)
    if actor.chance.random() < 0.5:
        return some(actor, wildcard=1)
    raise_loopback()
    return some(actor)


def in_namespace(actor: Actor) -> None:
    """A namespace that ends with its listener, or a little after it."""

    def task(child: Actor) -> None:
        life = some_elsewhere(child)
        pause(child)
        if child.chance.random() < 0.5:
            child.close(life)
            pause(child)

    actor.fork(task)


def abroad(actor: Actor) -> None:
    """A namespace that has a listener and no process."""

    def task(child: Actor) -> None:
        with visiting():
            some_elsewhere(child)
        pause(child)

    actor.fork(task)


@contextmanager
def visiting() -> Iterator[None]:
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        yield
    finally:
        enter_network(home)
        os.close(home)


def share_namespace(actor: Actor) -> None:
    """A namespace of several processes, in which the opener is not the last."""

    def opener(child: Actor) -> None:
        some_elsewhere(child)
        child.fork(pause)
        child.fork(pause)
        delay(child)

    actor.fork(opener)


OPERATIONS: dict[Operation, int] = {
    brief: 6,
    stay: 4,
    leave: 3,
    duplicate: 2,
    overwrite: 2,
    listen_twice: 2,
    listen_unbound: 2,
    shut_down: 1,
    listen_again: 1,
    connect_udp: 2,
    twins: 3,
    succeed: 3,
    in_thread: 2,
    in_own_table: 2,
    without_main_thread: 2,
    hand_down: 4,
    fork_twice: 2,
    share: 2,
    pass_on: 3,
    execute: 2,
    in_namespace: 2,
    abroad: 1,
    share_namespace: 1,
}


def work(log: Log, chance: random.Random, count: int, rest: tuple[int, int]) -> None:
    """Do so many operations; then say so, and keep what is open until the rest is over."""
    done, over = rest
    adopt_orphans()
    actor = Actor(log, chance)
    operations, weights = [*OPERATIONS], [*OPERATIONS.values()]
    for operation in chance.choices(operations, weights, k=count):
        actor.operation = operation.__name__
        operation(actor)
        actor.reap()
    actor.fork(lambda child: rest_beside(done, over))
    rest_beside(done, over)
    actor.close_all()
    actor.reap()
    os._exit(0)


def rest_beside(done: int, over: int) -> None:
    os.write(done, b".")
    os.read(over, 1)


def main() -> None:
    path, seed, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    log = Log(path)
    is_done, done = os.pipe()
    over, end = os.pipe()
    workers = []
    for number in range(_WORKERS):
        pid = os.fork()
        if pid == 0:
            os.close(end)
            work(log, random.Random(f"{seed} {number}"), count // _WORKERS, (done, over))
        workers.append(pid)
    os.close(done)
    for _ in range(2 * _WORKERS):
        os.read(is_done, 1)
    print("resting", flush=True)
    sys.stdin.read()
    os.close(end)
    for pid in workers:
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
