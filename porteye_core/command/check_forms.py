"""Forms of verdicts for programs: records, a plugin's line for Nagios, a report as JUnit's."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from porteye_core.command.exits import CANNOT_SAY
from porteye_core.errors import PortEyeError
from porteye_core.filters import range_words
from porteye_core.judging.blocks import Block
from porteye_core.judging.verdicts import Judgement, Verdict
from porteye_core.reach import Exposure
from porteye_core.store.reading import Life
from porteye_core.system.plain_text import cap, clean

_STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")  # by exit status, as plugins have it
_MOST = 5  # findings that a line names
_LONGEST = 200  # bytes of what a line says of each


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict with the listeners that it is about, none where one is missing."""

    judgement: Judgement
    lives: tuple[Life, ...] = ()

    def with_another(self, life: Life) -> "Finding":
        """The finding about this listener, too."""
        return replace(self, lives=(*self.lives, life))

    @property
    def verdict(self) -> Verdict:
        """The verdict."""
        return self.judgement.verdict


def record(finding: Finding) -> dict[str, Any]:
    """The fields of a finding. Of one that is missing they are those of its block; line, label,
    note and link are the block's."""
    judgement, block = finding.judgement, finding.judgement.block
    of_block = {
        name: getattr(block, name) if block else None for name in ("line", "label", "note", "link")
    }
    first = finding.lives[0] if finding.lives else None
    said = _of_life(first, finding) if first else _of_block(block)
    return {"verdict": judgement.verdict.value, "why": judgement.why, **said, **of_block}


def nagios(findings: Sequence[Finding], status: int, note: str) -> str:
    """The line of a plugin: what is not expected, and a number for each verdict behind `|`.
    https://www.monitoring-plugins.org/doc/guidelines.html defines it."""
    counts = Counter(each.verdict for each in findings)
    rest = [each for each in findings if each.verdict is not Verdict.EXPECTED]
    said = [_said(each) for each in rest[:_MOST]] or [f"{counts[Verdict.EXPECTED]} expected"]
    if len(rest) > _MOST:
        said.append(f"and {len(rest) - _MOST} more")
    if note:
        said.insert(0 if status == CANNOT_SAY else len(said), cap(_piped(note), _LONGEST))
    text = "; ".join(said)
    numbers = " ".join(f"{verdict}={counts[verdict]}" for verdict in Verdict)
    return f"PORTEYE {_STATES[status]} - {text} | {numbers}"


def unknown_of_nagios(err: PortEyeError) -> str:
    """The line of a plugin that cannot say."""
    return f"PORTEYE UNKNOWN - {_piped(str(err))}"


def junit(findings: Sequence[Finding], problem: str) -> str:
    """A report: a test for each finding, which fails unless it is expected, or is an error if it
    is not known; problem: why nothing is certain."""
    cases = [_case(each) for each in findings]
    if problem:
        cases.append(_testcase("the moment", "error", problem))
    failures = sum("<failure" in case for case in cases)
    errors = sum("<error" in case for case in cases)
    head = f'tests="{len(cases)}" failures="{failures}" errors="{errors}"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuite name="porteye check" {head}>',
        *cases,
        "</testsuite>",
    ]
    return "".join(f"{line}\n" for line in lines)


def _of_life(life: Life, finding: Finding) -> dict[str, Any]:
    seen = finding.judgement.seen
    exposure = seen.exposure.value if seen else Exposure.UNKNOWN.value
    return {
        "port": life.port,
        "protocol": life.protocol.value,
        "address": ", ".join(dict.fromkeys(each.bound.shown for each in finding.lives)),
        "exposure": exposure,
        "program": life.title,
        "pid": life.pid,
        "user": life.user,
        "unit": life.unit,
        "container": life.container,
        "listeners": [each.id for each in finding.lives],
    }


def _of_block(block: Block | None) -> dict[str, Any]:
    assert block is not None  # what is missing has one
    return {
        "port": ",".join(range_words(*each) for each in block.ports),
        "protocol": block.protocol.value,
        "address": "",
        "exposure": "",
        "program": block.program or block.unit or block.container or "",
        "pid": None,
        "user": block.user or "",
        "unit": block.unit or "",
        "container": block.container or "",
        "listeners": [],
    }


def _said(finding: Finding) -> str:
    return cap(_piped(f"{finding.verdict}: {_name(finding)} ({finding.judgement.why})"), _LONGEST)


def _piped(text: str) -> str:
    """A text for a line in which `|` begins the numbers."""
    return clean(text).replace("|", "/")


def _name(finding: Finding) -> str:
    values = record(finding)
    at = f"{values['address']} " if values["address"] else ""
    program = f" {values['program']}" if values["program"] else ""
    return f"{at}{values['protocol']} {values['port']}{program}"


def _case(finding: Finding) -> str:
    why = f"{finding.verdict}: {finding.judgement.why}"
    kind = {Verdict.EXPECTED: "", Verdict.UNKNOWN: "error"}.get(finding.verdict, "failure")
    return _testcase(_name(finding), kind, why)


def _testcase(name: str, kind: str, why: str) -> str:
    inner = f'<{kind} message="{_xml(why)}"/>' if kind else ""
    return f'<testcase classname="porteye" name="{_xml(name)}">{inner}</testcase>'


def _xml(text: str) -> str:
    # XML 1.0 has no U+FFFE and U+FFFF, even escaped.
    return escape(clean(text).translate({0xFFFE: "�", 0xFFFF: "�"}))
