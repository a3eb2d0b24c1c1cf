"""A judge remembers verdicts, and they stay the same."""

from pathlib import Path

import pytest

from porteye_core.judging import judge as judges
from porteye_core.judging.blocks import Block, Expected
from porteye_core.judging.judge import Judge
from porteye_core.judging.seen import Seen
from porteye_core.judging.verdicts import Verdict, judge
from porteye_core.store.reading import open_row_reader
from tests.kit.seeding import Instant

EXPECTED = Expected(
    Path("expected.toml"),
    blocks=(Block(((80, 80),), program="nginx"), Block(((5432, 5432),), program="postgres")),
)


def test_a_judge_says_what_a_verdict_without_memory_says(abandoned: Instant) -> None:
    with open_row_reader(abandoned.db) as reader:
        uses = reader.open_by_id()
        seen = {life.id: Seen.of(life) for life in reader.choices(9)}
    court = Judge(EXPECTED)
    for _ in range(2):
        found = {id_: court.judged(use).judgement for id_, use in uses.items()}
        assert found == {id_: judge(each, EXPECTED) for id_, each in seen.items()}
    assert {each.verdict for each in found.values()} == {
        *(Verdict.EXPECTED, Verdict.NEW, Verdict.WIDER)
    }


def test_a_judge_gives_the_identity_of_what_it_judges(abandoned: Instant) -> None:
    with open_row_reader(abandoned.db) as reader:
        uses = reader.open_by_id()
    for use in uses.values():
        identity = Judge(EXPECTED).judged(use).identity
        assert identity == Seen.of_past(use).identity(is_ephemeral=False)


def test_a_judge_forgets_rather_than_grow(
    abandoned: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judges, "_MOST", 2)
    with open_row_reader(abandoned.db) as reader:
        uses = list(reader.open_by_id().values())
    court = Judge(EXPECTED)
    for use in uses * 2:
        assert court.judged(use).judgement == judge(Seen.of_past(use), EXPECTED)
        assert len(court._found) <= 2
