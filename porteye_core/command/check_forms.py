"""Forms of verdicts for programs: a plugin's line for Nagios, a report as JUnit's."""

from collections import Counter
from collections.abc import Sequence
from html import escape

from porteye_core.command.exits import CANNOT_SAY
from porteye_core.errors import PortEyeError
from porteye_core.judging.moment import JudgedLives
from porteye_core.judging.verdict_records import record
from porteye_core.judging.verdicts import Verdict
from porteye_core.system.plain_text import cap, clean

_STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")  # by exit status, as plugins have it
_MOST = 5  # findings that a line names
_LONGEST = 200  # bytes of what a line says of each


def nagios(findings: Sequence[JudgedLives], status: int, note: str) -> str:
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


def junit(findings: Sequence[JudgedLives], problem: str) -> str:
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


def _said(finding: JudgedLives) -> str:
    return cap(_piped(f"{finding.verdict}: {_name(finding)} ({finding.judgement.why})"), _LONGEST)


def _piped(text: str) -> str:
    """A text for a line in which `|` begins the numbers."""
    return clean(text).replace("|", "/")


def _name(finding: JudgedLives) -> str:
    values = record(finding)
    at = f"{values['address']} " if values["address"] else ""
    program = f" {values['program']}" if values["program"] else ""
    return f"{at}{values['protocol']} {values['port']}{program}"


def _case(finding: JudgedLives) -> str:
    why = f"{finding.verdict}: {finding.judgement.why}"
    kind = {Verdict.EXPECTED: "", Verdict.UNKNOWN: "error"}.get(finding.verdict, "failure")
    return _testcase(_name(finding), kind, why)


def _testcase(name: str, kind: str, why: str) -> str:
    inner = f'<{kind} message="{_xml(why)}"/>' if kind else ""
    return f'<testcase classname="porteye" name="{_xml(name)}">{inner}</testcase>'


def _xml(text: str) -> str:
    # XML 1.0 has no U+FFFE and U+FFFF, even escaped.
    return escape(clean(text).translate({0xFFFE: "�", 0xFFFF: "�"}))
