"""The body of a message: JSON that a webhook gets as it is, and that other receivers put in words.

Texts of processes are cut, and without characters that a terminal or a mail header obeys.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from porteye_core.judging.verdicts import Verdict
from porteye_core.spoken_times import second
from porteye_core.store.alerts import Finding
from porteye_core.system.clock import timestamp
from porteye_core.system.plain_text import clean

MOST_FINDINGS = 200
LONGEST_TEXT = 200
BEGIN, END, DIGEST = "begin", "end", "digest"
_TIMES = ("at", "found_at", "ended_at", "told_at", "end_told_at")
_TYPES = {"findings": "porteye.findings", "digest": "porteye.digest", "test": "porteye.test"}
_GRAVITY = [each.value for each in Verdict]
_WORDS = {
    "wider": "reachable from further away",
    "owner": "another owner",
    "new": "new",
    "missing": "missing",
    "unknown": "owner not known",
    "brief": "open for a moment",
}


def body(
    kind: str,
    message_id: str,
    now: int,
    host: str,
    findings: Sequence[tuple[Finding, str]],
    url: str = "",
) -> str:
    """The body of a message as JSON text; kind: findings, digest or test; findings: with phases,
    of which the gravest come first."""
    findings = sorted(findings, key=_gravity)
    shown = findings[:MOST_FINDINGS]
    data = {
        "host": plain(host),
        "title": title(kind, host, findings),
        "url": url,
        "more": len(findings) - len(shown),
        "findings": [record(each, phase) for each, phase in shown],
    }
    of = {"type": _TYPES[kind], "timestamp": timestamp(now), "id": message_id, "data": data}
    return json.dumps(of, ensure_ascii=False)


def title(kind: str, host: str, findings: Sequence[tuple[Finding, str]]) -> str:
    """One line that says what a message is about: the first of its findings."""
    if kind == "test":
        return plain(f"{host}: a test message of PortEye")
    if kind == "digest":
        return plain(f"{host}: {_counted(findings)} in the daily digest")
    (finding, phase), *others = findings
    more = f", and {len(others):,} more" if others else ""
    return plain(f"{host}: {sentence(finding, phase)}", len(more)) + more


def sentence(finding: Finding, phase: str = BEGIN) -> str:
    """A finding in one line, as text of processes allows."""
    if phase != END:
        return _said(finding)
    if finding.kind == "unwatched" and finding.ended_at is not None:
        gap = f"nobody watched from {second(finding.at)} to {second(finding.ended_at)}"
        return f"watched again: {gap}"
    why = f", {finding.ended_why}" if finding.ended_why else ""
    return f"over{why}: {_said(finding)}"


def record(finding: Finding, phase: str) -> dict[str, Any]:
    """The fields of a finding, with its phase and its sentence."""
    fields = {
        name: plain(value) if isinstance(value, str) and name != "key" else value
        for name, value in asdict(finding).items()
    }
    times = {name: timestamp(at) for name in _TIMES if (at := getattr(finding, name)) is not None}
    return {**fields, **times, "phase": phase, "text": plain(sentence(finding, phase))}


def plain(text: str, reserved: int = 0) -> str:
    """A text without control characters, cut to its longest length but for what is reserved."""
    cleaned, longest = clean(text), LONGEST_TEXT - reserved
    return cleaned if len(cleaned) <= longest else f"{cleaned[: longest - 1]}…"


def _gravity(of: tuple[Finding, str]) -> tuple[bool, int]:
    """The place of a finding: what is over last, and before it what is graver, the watch first."""
    finding, phase = of
    grave = _GRAVITY.index(finding.verdict) if finding.verdict in _GRAVITY else -1
    return phase == END, grave


def _said(finding: Finding) -> str:
    if finding.kind in ("unwatched", "settings", "database"):
        return finding.why
    place = _place(finding)
    if finding.kind == "missing":
        return f"missing: {place}" + (f" ({finding.label})" if finding.label else "")
    if finding.kind == "brief":
        times = "once" if finding.brief_count == 1 else f"{finding.brief_count:,} times"
        return f"open for a moment, {times}: {place}"
    word = _WORDS.get(finding.verdict, finding.verdict)
    if finding.kind == "flapping":
        word = f"opens and closes again and again, {word}"
    return f"{word}: {place}, from {finding.exposure} ({finding.why})"


def _place(finding: Finding) -> str:
    port = "several ports" if finding.port is None else str(finding.port)
    owner = finding.program or finding.unit or "a hidden owner"
    user = f" of {finding.user}" if finding.user else ""
    return f"{finding.protocol} {port} by {owner}{user}"


def _counted(findings: Sequence[tuple[Finding, str]]) -> str:
    ended = sum(phase == END for _, phase in findings)
    begun = len(findings) - ended
    words = []
    if begun or not ended:
        words.append("1 finding" if begun == 1 else f"{begun:,} findings")
    if ended:
        words.append(f"{ended:,} over")
    return ", ".join(words)
