"""Verdicts on Now: the rows that a choice shows, and their numbers."""

import pandas as pd
import pytest

from porteye_core.judging.blocks import Block
from porteye_core.judging.judge import Judged
from porteye_core.judging.seen import Identity
from porteye_core.judging.verdicts import Judgement, Verdict
from porteye_core.model import Protocol
from porteye_core.reach import Exposure
from porteye_core.ui.now_verdicts import Choice, block_name, counts, fitting, judged
from porteye_core.ui.verdicts import Verdicts

_WHO = Identity(Protocol.TCP, 80, Exposure.MACHINE, "nginx", "www")


def services(*listeners: list[int]) -> pd.DataFrame:
    """Services of these listeners; the verdicts are those of VERDICTS."""
    frame = pd.DataFrame({"listeners": listeners, "closed": [False] * len(listeners)})
    return judged(frame, VERDICTS)


VERDICTS = Verdicts(
    {
        number: Judged(Judgement(verdict), _WHO)
        for number, verdict in enumerate(
            (Verdict.EXPECTED, Verdict.NEW, Verdict.WIDER, Verdict.OWNER, Verdict.UNKNOWN)
        )
    }
)


def test_a_service_has_the_gravest_verdict_of_its_sockets() -> None:
    found = services([0, 1], [2, 1], [0, 4], [0], [1, 3], [99])["verdict"].tolist()
    assert found == ["new", "wider", "unknown", "expected", "owner", ""]


@pytest.mark.parametrize(
    ("choice", "shown"),
    [
        (Choice.ALL, [0, 1, 2, 3, 4]),
        (Choice.UNEXPECTED, [1, 2, 3]),
        (Choice.NEW, [1]),
        (Choice.UNKNOWN, [4]),
        (Choice.EXPECTED, [0]),
    ],
)
def test_a_choice_shows_its_rows_and_counts_those_that_are_open(
    choice: Choice, shown: list[int]
) -> None:
    table = services([0], [1], [2], [3], [4])
    assert table.index[fitting(table, choice)].tolist() == shown
    assert counts(table)[choice] == len(shown)
    table["closed"] = True
    assert counts(table)[choice] == 0


def test_a_block_is_named_by_its_ports_and_its_label_or_owner() -> None:
    assert block_name(Block(((22, 22),), label="SSH", unit="ssh.service")) == "22/tcp SSH"
    ports = ((80, 80), (8000, 8099))
    assert block_name(Block(ports, program="nginx")) == "80, 8000-8099/tcp nginx"
