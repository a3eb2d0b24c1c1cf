"""`porteye learn`: blocks for the file of expected ports, from the history."""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path

from porteye_core.command.accepts import accepts
from porteye_core.command.exits import CHANGED, HELD, UNCHANGED
from porteye_core.command.present import CannotSay
from porteye_core.command.question import Question
from porteye_core.command.screen import Screen
from porteye_core.judging import expected_file
from porteye_core.judging.block_text import block_lines
from porteye_core.judging.blocks import Block, Expected
from porteye_core.judging.learning import Learnt, identities, lacking, lasting, needless
from porteye_core.judging.verdicts import Judgement
from porteye_core.spoken_times import dated
from porteye_core.store.reading import open_row_reader
from porteye_core.system.local_ports import ephemeral_ports

_HIDDEN = "The owner of these is hidden: whoever holds the port fits."
_WIDE = "These listen on every interface. Read each one before you keep it."


def learn(given: Namespace, question: Question, screen: Screen) -> int:
    """Print blocks; returns the exit status."""
    since = question.moment("since", given.since)
    if given.diff:
        expected = expected_file.read_here(expected_file.find(question.expected, question.db))
    else:
        expected = Expected(Path(expected_file.NAME), local_ports=ephemeral_ports())
    with open_row_reader(question.db) as reader:
        begun = reader.first_watch()
        if begun is None:
            raise CannotSay("Nothing is recorded yet.", "Start a monitor.")
        since = max(since, begun)
        # What is open was so for certain while somebody watched.
        until = reader.status(question.now).last_watched or question.now
        every = identities(reader.past_uses(since, until), expected)
    said = dated(since, question.now, question.zone)
    if given.diff:
        absent = lacking(lasting(every, expected), expected, accepts(question))
        return _diff(absent, needless(every, expected), expected, said, screen, question.now)
    _print(_all(lasting(every, expected), said, question.now), screen)
    return HELD


def _all(found: Sequence[Learnt], since: str, now: int) -> Iterator[str]:
    yield f"# Ports that were open since {since}. docs/expected.md tells what each key means."
    narrow = [each for each in found if not each.is_everywhere]
    yield from _blocks("", [each for each in narrow if not each.seen.hidden], now)
    yield from _blocks(_HIDDEN, [each for each in narrow if each.seen.hidden], now)
    yield from _blocks(_WIDE, [each for each in found if each.is_everywhere], now)


def _diff(
    absent: Sequence[tuple[Learnt, Judgement]],
    unused: Sequence[Block],
    expected: Expected,
    since: str,
    screen: Screen,
    now: int,
) -> int:
    """Print what the file lacks, and what it has too much."""
    lines = []
    if absent:
        lines.append(f"# {expected.file} lacks what was open since {since}:")
    for each, judgement in absent:
        lines += ["", f"# {judgement.verdict}: {judgement.why}"]
        lines += ["# It listens on every interface."] if each.is_everywhere else []
        lines += block_lines(each, now)
    if unused:
        lines += [""] if absent else []
        lines.append(f"# Nothing has needed these blocks since {since}:")
        lines += [f"# line {block.line}{block.label and ': ' + block.label}" for block in unused]
    if not lines:
        lines.append(f"# {expected.file} has what was open since {since}, and no more.")
    _print(lines, screen)
    return CHANGED if absent or unused else UNCHANGED


def _blocks(heading: str, found: Sequence[Learnt], now: int) -> Iterator[str]:
    if heading and found:
        yield ""
        yield f"# {heading}"
    for each in found:
        yield ""
        yield from block_lines(each, now)


def _print(lines: Sequence[str] | Iterator[str], screen: Screen) -> None:
    for line in lines:
        screen.write(line)
