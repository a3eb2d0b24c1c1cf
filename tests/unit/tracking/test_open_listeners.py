"""Open listeners keep what they have now, and nothing of what they had."""

import gc
from dataclasses import replace

from porteye_core.model import Process, ProcessKey, Program
from porteye_core.tracking.open_listeners import OpenListeners
from tests.kit.values import endpoint, listener, owned

NAME = "a worker of test_open_listeners"


def workers(first: int) -> tuple[Process, ...]:
    return tuple(Process(ProcessKey(pid, 1), Program(NAME)) for pid in range(first, first + 100))


def in_memory() -> set[int]:
    """The pids of the workers that anything holds."""
    gc.collect()
    processes = (each for each in gc.get_objects() if isinstance(each, Process))
    return {each.key.pid for each in processes if each.program.name == NAME}


def test_the_workers_of_a_server_that_were_replaced_are_kept_by_nothing() -> None:
    known = OpenListeners()
    server = listener(1, owned(endpoint()))
    for beat in range(50):
        described = workers(100 * beat)
        keys = frozenset(each.key for each in described)
        known.put(replace(server, holders=keys), described)
    del described, keys
    assert in_memory() == set(range(4900, 5000))
    assert len(known[1].holders) == 100
    known.put(replace(known[1], unseen_at=7))  # described as before
    assert known.described(1)[0].key.pid == 4900
    known.remove(known[1])
    known.remove(server)  # not there any more
    assert in_memory() == set()
    assert len(known) == 0
