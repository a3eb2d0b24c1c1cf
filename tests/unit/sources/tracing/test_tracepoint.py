"""Real listeners, as the kernel reports them."""

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from porteye_core.model import Family
from porteye_core.sources.tracing.tracepoint import Tracepoint
from porteye_core.sources.tracing.transitions import Transition
from tests.kit.opener import Opener
from tests.kit.tracing import needs_tracing
from tests.kit.waiting import until

pytestmark = [pytest.mark.host, needs_tracing]

PROCESSES, EACH = 50, 40
LISTENERS = PROCESSES * EACH

# Notes port, and nanoseconds around listen() and at close, then is gone. Its name is its own.
_SHORT_LIVED = """
import os, socket, sys, time
name, count = sys.argv[1], int(sys.argv[2])
with open("/proc/self/comm", "w") as comm: comm.write(name)
notes = []
for _ in range(count):
    s = socket.socket(); s.bind(("127.0.0.1", 0)); port = s.getsockname()[1]
    before = time.time_ns(); s.listen(); after = time.time_ns(); s.close(); closed = time.time_ns()
    notes.append(f"{port} {before} {after} {closed}")
sys.stdout.write("\\n".join(notes)); sys.stdout.flush()
os._exit(0)
"""
_IN_NAMESPACE = """
import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); print(s.getsockname()[1], flush=True)
"""
_DIES_LISTENING = """
import os, socket, threading, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
def opened_by_a_thread():
    with socket.socket() as t:
        t.bind(("127.0.0.1", 0)); t.listen(); print(t.getsockname()[1])
thread = threading.Thread(target=opened_by_a_thread); thread.start(); thread.join()
print(s.getsockname()[1], flush=True)
os._exit(0)
"""


@pytest.fixture
def tracepoint() -> Iterator[Tracepoint]:
    with Tracepoint() as opened:
        yield opened


def seen(
    tracepoint: Tracepoint, wanted: Callable[[Transition], bool], count: int
) -> list[Transition]:
    """Wait for this many transitions of one kind; other programs' are left out."""
    found: list[Transition] = []

    def enough() -> bool:
        drained = tracepoint.drain()
        assert (drained.lost, drained.malformed) == (0, 0)
        found.extend(filter(wanted, drained.transitions))
        return len(found) >= count

    until(enough, f"{count} transitions arrive")
    assert len(found) == count
    return found


def of_pid(pid: int) -> Callable[[Transition], bool]:
    return lambda transition: transition.pid == pid


def listening(
    family: int = socket.AF_INET, address: str = "127.0.0.1", port: int = 0
) -> socket.socket:
    opened = socket.socket(family)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    opened.bind((address, port))
    opened.listen()
    return opened


def run(script: str, *arguments: str, prefix: tuple[str, ...] = ()) -> tuple[int, str]:
    command = [*prefix, sys.executable, "-c", script, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return process.pid, output


def test_two_thousand_short_listeners_all_arrive_with_port_process_and_name(
    tracepoint: Tracepoint,
) -> None:
    notes: dict[tuple[int, int], tuple[int, int, int]] = {}
    names: dict[int, str] = {}
    for number in range(PROCESSES):
        pid, output = run(_SHORT_LIVED, f"brief {number})", str(EACH))
        names[pid] = f"brief {number})"
        for line in output.splitlines():
            port, *times = map(int, line.split())
            notes[pid, port] = (times[0], times[1], times[2])
    found = seen(tracepoint, lambda t: t.pid in names, 2 * LISTENERS)
    assert found == sorted(found, key=lambda t: t.at)
    lives: dict[tuple[int, int], list[Transition]] = {}
    for transition in found:
        assert transition.name == names[transition.pid]
        lives.setdefault((transition.pid, transition.port), []).append(transition)
    # A process may be given one port twice: then its lives there follow one another.
    assert lives.keys() == notes.keys()
    assert sum(map(len, lives.values())) == 2 * LISTENERS
    late = 0
    for key, life in lives.items():
        assert [t.opened for t in life] == [True, False] * (len(life) // 2)
        opened, closed = life[-2:]
        before, after, gone = notes[key]
        assert opened.skaddr == closed.skaddr
        assert before // 1000 - 1000 <= opened.at <= after // 1000 + 1000
        assert opened.at <= closed.at <= gone // 1000 + 1000
        late += closed.at - opened.at >= 1000
    assert late < LISTENERS // 20  # under a millisecond, but for a busy machine


@pytest.mark.parametrize(
    ("family", "address", "shown", "text"),
    [
        (socket.AF_INET, "127.0.0.1", Family.IPV4, "127.0.0.1"),
        (socket.AF_INET, "0.0.0.0", Family.IPV4, "0.0.0.0"),
        (socket.AF_INET6, "::1", Family.IPV6, "::1"),
        (socket.AF_INET6, "::", Family.IPV6, "::"),
        (socket.AF_INET6, "::ffff:127.0.0.1", Family.IPV6, "::ffff:127.0.0.1"),
    ],
)
def test_an_address_reads_as_psutil_writes_it(
    tracepoint: Tracepoint, family: int, address: str, shown: Family, text: str
) -> None:
    with listening(family, address) as opened:
        port = opened.getsockname()[1]
    for transition in seen(tracepoint, of_pid(os.getpid()), 2):
        assert transition[3:6] == (shown, text, port)
        assert transition.name == Path("/proc/self/comm").read_text().strip()


def test_twins_on_one_port_are_told_apart_by_their_sockets(tracepoint: Tracepoint) -> None:
    with listening() as first, listening(port=first.getsockname()[1]):
        pass
    found = seen(tracepoint, of_pid(os.getpid()), 4)
    assert len({t.port for t in found}) == 1
    opened, closed = found[:2], found[2:]
    assert [t.opened for t in found] == [True, True, False, False]
    assert [t.skaddr for t in opened] == [t.skaddr for t in reversed(closed)]
    assert opened[0].skaddr != opened[1].skaddr


def test_listening_twice_is_one_opening(tracepoint: Tracepoint) -> None:
    with listening() as opened:
        opened.listen(5)
    assert [t.opened for t in seen(tracepoint, of_pid(os.getpid()), 2)] == [True, False]


def test_a_shutdown_closes_before_the_descriptor_does(tracepoint: Tracepoint) -> None:
    with listening() as opened:
        opened.shutdown(socket.SHUT_RD)
        assert [t.opened for t in seen(tracepoint, of_pid(os.getpid()), 2)] == [True, False]
    assert not [t for t in tracepoint.drain().transitions if t.pid == os.getpid()]


def test_accepted_connections_are_no_transitions(tracepoint: Tracepoint) -> None:
    with listening() as opened:
        for _ in range(20):
            with socket.create_connection(opened.getsockname()):
                opened.accept()[0].close()
    assert [t.opened for t in seen(tracepoint, of_pid(os.getpid()), 2)] == [True, False]


def test_a_port_chosen_by_listen_is_known_with_the_close(tracepoint: Tracepoint) -> None:
    with socket.socket() as unbound:
        unbound.listen()
        port = unbound.getsockname()[1]
        (alone,) = seen(tracepoint, of_pid(os.getpid()), 1)
    (closed,) = seen(tracepoint, of_pid(os.getpid()), 1)
    assert (alone.port, closed.port) == (0, port)
    with socket.socket() as unbound:
        unbound.listen()
        port = unbound.getsockname()[1]
    assert [t.port for t in seen(tracepoint, of_pid(os.getpid()), 2)] == [port, port]


def test_a_death_closes_with_the_dead_process_as_its_cause(tracepoint: Tracepoint) -> None:
    pid, output = run(_DIES_LISTENING)
    by_thread, by_main = map(int, output.split())
    found = seen(tracepoint, lambda t: t.port in {by_thread, by_main}, 4)
    assert {t.pid for t in found} == {pid}
    assert {t.name for t in found} == {Path(sys.executable).resolve().name[:15]} or all(
        t.name.startswith("python") for t in found
    )
    of_thread = [t for t in found if t.port == by_thread]
    assert of_thread[0].tid == of_thread[1].tid != pid
    assert [t.opened for t in of_thread] == [True, False]


def test_the_last_holder_closes_what_it_inherited(tracepoint: Tracepoint) -> None:
    with Opener() as opener:
        port = opener.listen()
        (child,) = opener.fork(1)
        opener.close(port)
        assert [t.opened for t in seen(tracepoint, lambda t: t.port == port, 1)] == [True]
    (closed,) = seen(tracepoint, lambda t: t.port == port, 1)
    assert (closed.opened, closed.pid) == (False, child)


def test_a_listener_in_another_network_namespace_arrives(tracepoint: Tracepoint) -> None:
    name = f"porteye-test-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"no network namespace can be made: {made.stderr.decode().strip()}")
    try:
        inside = ("ip", "netns", "exec", name)
        subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
        pid, output = run(_IN_NAMESPACE, prefix=inside)
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)
    found = seen(tracepoint, of_pid(pid), 2)
    assert [(t.opened, t.port) for t in found] == [(True, int(output)), (False, int(output))]


def test_poll_wakes_for_a_listener(tracepoint: Tracepoint) -> None:
    tracepoint.drain()
    waiting = select.poll()
    for descriptor in tracepoint.filenos():
        waiting.register(descriptor, select.POLLIN)
    with listening():
        assert waiting.poll(30_000)
    seen(tracepoint, of_pid(os.getpid()), 2)


def test_what_the_kernel_had_no_room_for_is_counted() -> None:
    opened = 500
    with Tracepoint(buffer_kib=8) as tracepoint:
        for _ in range(opened):
            listening().close()
        drained = tracepoint.drain()
        own = [t for t in drained.transitions if t.pid == os.getpid()]
        assert drained.lost > 0
        assert len(own) < 2 * opened <= len(drained.transitions) + drained.lost
        assert tracepoint.drain().lost == 0


def test_ten_thousand_transitions_in_a_burst_all_arrive(tracepoint: Tracepoint) -> None:
    began = time.monotonic()
    for _ in range(5000):
        listening().close()
    assert time.monotonic() - began < 30
    seen(tracepoint, of_pid(os.getpid()), 10_000)


def test_two_subscriptions_see_the_same(tracepoint: Tracepoint) -> None:
    with Tracepoint() as other:
        listening().close()
        first, second = (seen(t, of_pid(os.getpid()), 2) for t in (tracepoint, other))
    assert [t[1:] for t in first] == [t[1:] for t in second]
    listening().close()
    seen(tracepoint, of_pid(os.getpid()), 2)
