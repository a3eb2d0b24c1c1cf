"""Verdicts above the table of Now: the number that waits, the filter, and what is not there."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import pandas as pd
import streamlit as st

from porteye_core.judging.acceptance import ACCEPTED
from porteye_core.judging.blocks import Block
from porteye_core.judging.verdicts import GRAVE, Judgement, Verdict
from porteye_core.ui.markdown import literal
from porteye_core.ui.verdicts import Verdicts

KEY = _PARAMETER = "verdict"  # of the widget, and in the URL
_MAX_MISSING = 5  # in one line


class Choice(StrEnum):
    """The verdicts to show; the value stands in the URL."""

    ALL = "all"
    UNEXPECTED = "unexpected"  # all that somebody should look at
    WIDER = Verdict.WIDER
    OWNER = Verdict.OWNER
    NEW = Verdict.NEW
    UNKNOWN = Verdict.UNKNOWN
    EXPECTED = Verdict.EXPECTED


_USUAL = (Choice.UNEXPECTED, Choice.UNKNOWN, Choice.EXPECTED)
_SHOWN = {
    Choice.UNEXPECTED: [each.value for each in GRAVE],
    Choice.EXPECTED: [Verdict.EXPECTED.value, ACCEPTED],
}
_LABELS = {Choice.UNEXPECTED: "not expected", Choice.OWNER: "another owner"}


def judged(services: pd.DataFrame, found: Verdicts) -> pd.DataFrame:
    """The services with the columns `verdict`, the gravest of their listeners, empty for none, and
    `label`; without a file of expected ports with the label alone."""
    listeners = services["listeners"].tolist()
    labelled = services.assign(label=[found.label(each) for each in listeners])
    if not found.is_judged:
        return labelled
    return labelled.assign(verdict=[word(found.gravest(each)) for each in listeners])


def fitting(services: pd.DataFrame, choice: Choice) -> "pd.Series[bool]":
    """The services that a choice shows."""
    if choice is Choice.ALL:
        return pd.Series(data=True, index=services.index)
    return services["verdict"].isin(_SHOWN.get(choice, [choice.value]))


def counts(services: pd.DataFrame) -> dict[Choice, int]:
    """The number of open services that each choice shows."""
    still = services[~services["closed"]]
    return {choice: int(fitting(still, choice).sum()) for choice in Choice}


def choose(numbers: Mapping[Choice, int]) -> Choice:
    """Draw the choice and return it; the URL keeps it."""
    if KEY not in st.session_state:
        st.session_state[KEY] = _from_url()
    before = st.session_state[KEY]
    options = [each for each in _USUAL if numbers[each] or each is before]
    if before is not None and before not in options:
        options.append(before)
    chosen = st.pills(
        "Verdict",
        options,
        format_func=lambda choice: _label(choice, numbers[choice]),
        key=KEY,
        label_visibility="collapsed",
    )
    if chosen is None:
        st.query_params.pop(_PARAMETER, None)
        return Choice.ALL
    st.query_params[_PARAMETER] = chosen.value
    return chosen


def error(found: Verdicts) -> None:
    """Say what is wrong with the newest file."""
    if not found.error:
        return
    stays = " The last good file stays in force." if found.is_judged else " Nothing is judged."
    st.warning(literal(found.error + stays), icon=":material/rule:")


def absent(missing: Sequence[Judgement]) -> None:
    """Draw a line for what is always expected and not there."""
    for verdict, word in ((Verdict.MISSING, "Missing"), (Verdict.UNKNOWN, "Perhaps missing")):
        found = [each for each in missing if each.verdict is verdict]
        if not found:
            continue
        said = "; ".join(_absence(each) for each in found[:_MAX_MISSING])
        more = len(found) - _MAX_MISSING
        rest = f"; and {more:,} more" if more > 0 else ""
        icon = ":material/error:" if verdict is Verdict.MISSING else ":material/help:"
        st.markdown(f"{icon} **{word}** {literal(said + rest)}.")


def _absence(judgement: Judgement) -> str:
    block = judgement.block
    named = "" if block is None else block_name(block)
    return f"{named} ({judgement.why})"


def block_name(block: Block) -> str:
    """A block in short: its ports, and its label or owner."""
    ports = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in block.ports)
    owner = block.label or block.unit or block.container or block.program or block.user or ""
    return f"{ports}/{block.protocol} {owner}".strip()


def word(found: Judgement | None) -> str:
    """The verdict as its column shows it, empty without one."""
    if found is None:
        return ""
    return ACCEPTED if found.why == ACCEPTED else found.verdict.value


def _from_url() -> Choice | None:
    """The choice of the URL; one that there is not is none."""
    said = st.query_params.get(_PARAMETER, "")
    return Choice(said) if said in set(Choice) and said != Choice.ALL else None


def _label(choice: Choice, number: int) -> str:
    return f"{number:,} {_LABELS.get(choice, choice)}"
