"""What was found of sockets is forgotten with them, and with what is found later."""

import gc

from porteye_core.model import Process, ProcessKey, Program
from porteye_core.owners.fd_holders import Descriptor, packed
from porteye_core.owners.remembered import Found, Holding, Remembered

NAME = "a worker of test_remembered"


def found(*pids: int) -> Found:
    holders = tuple(Process(ProcessKey(pid, 1), Program(NAME)) for pid in pids)
    holding = Holding(holders, None, "www", 33, 4)
    return Found(holding, packed(Descriptor(pid) for pid in pids))


def in_memory() -> set[int]:
    """The pids of the workers that anything holds."""
    gc.collect()
    processes = (each for each in gc.get_objects() if isinstance(each, Process))
    return {each.key.pid for each in processes if each.program.name == NAME}


def test_workers_that_were_replaced_are_kept_by_nothing() -> None:
    remembered = Remembered()
    for beat in range(50):
        remembered[7] = found(*range(100 * beat, 100 * beat + 100))
    assert in_memory() == set(range(4900, 5000))
    assert [count for _, count in remembered.holdings()] == [1]
    assert remembered[7].holding.holders[0].key.pid == 4900
    del remembered[7]
    assert in_memory() == set()
    assert remembered.holdings() == []


def test_a_holding_stays_while_one_of_its_sockets_does() -> None:
    remembered = Remembered()
    shared = found(1, 2)
    for inode in (7, 8):
        remembered[inode] = shared
    del shared
    del remembered[7]
    assert remembered[8].holding.holders[1].key.pid == 2
    remembered[9] = found(3)
    assert sorted(count for _, count in remembered.holdings()) == [1, 1]
    assert remembered.where(lambda each: each.holders[0].key.pid == 3) == [9]
    newer = Process(ProcessKey(3, 1), Program(NAME, cmdline="anew"))
    remembered.describe({newer.key: newer})
    assert remembered[9].holding.holders == (newer,)
    del remembered[8]
    assert in_memory() == {3}
