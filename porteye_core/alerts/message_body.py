"""The body of a message: JSON that a webhook gets as it is, and that other receivers put in words.

Texts of processes are cut, and without characters that a terminal or a mail header obeys.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from porteye_core.alerts.alike import Alike, alike, each_apart, host_words
from porteye_core.alerts.judge import OF_THE_WATCH
from porteye_core.judging.verdicts import GRAVITY
from porteye_core.spoken_times import second
from porteye_core.store.alerts import Finding
from porteye_core.system.clock import timestamp
from porteye_core.system.plain_text import clean

MOST_FINDINGS = 200
MOST_HOSTS = 100  # that a finding names
FLEET = "fleet"  # the host of a message of several hosts
LONGEST_TEXT = 200
BEGIN, END, DIGEST = "begin", "end", "digest"
_TIMES = ("at", "found_at", "ended_at", "told_at", "end_told_at")
_TYPES = {"findings": "porteye.findings", "digest": "porteye.digest", "test": "porteye.test"}
_AGAIN = {"unwatched": ("watched", "nobody watched"), "silent": ("heard", "nothing came")}
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
    host: str | None,
    findings: Sequence[tuple[Finding, str]],
    url: str = "",
) -> str:
    """The body of a message as JSON text; kind: findings, digest or test; host: the machine, None
    for a fleet, whose findings that are alike are one. findings: with phases, of which the gravest
    come first."""
    found = alike(findings) if host is None else each_apart(findings)
    found.sort(key=_gravity)
    shown = found[:MOST_FINDINGS]
    of = _whole(found) if host is None else host
    data = {
        "host": plain(of),
        "title": title(kind, of, found),
        "url": url,
        "more": len(found) - len(shown),
        "findings": [record(each) for each in shown],
    }
    told = {"type": _TYPES[kind], "timestamp": timestamp(now), "id": message_id, "data": data}
    return json.dumps(told, ensure_ascii=False)


def title(kind: str, host: str, findings: Sequence[Alike]) -> str:
    """One line that says what a message is about: the first of its findings."""
    if kind == "test":
        return plain(f"{host}: a test message of PortEye")
    if kind == "digest":
        return plain(f"{host}: {_counted(findings)} in the daily digest")
    first, *others = findings
    more = f", and {len(others):,} more" if others else ""
    of = host_words(first.hosts) if first.hosts else host
    return plain(f"{of}: {sentence(first.finding, first.phase)}", len(more)) + more


def sentence(finding: Finding, phase: str = BEGIN) -> str:
    """A finding in one line, as text of processes allows."""
    if phase != END:
        return _said(finding)
    if finding.kind in _AGAIN and finding.ended_at is not None:
        again, nothing = _AGAIN[finding.kind]
        return f"{again} again: {nothing} from {second(finding.at)} to {second(finding.ended_at)}"
    why = f", {finding.ended_why}" if finding.ended_why else ""
    return f"over{why}: {_said(finding)}"


def record(of: Alike) -> dict[str, Any]:
    """The fields of a finding, with its phase and its sentence; in a fleet with its hosts, too."""
    finding, phase = of.finding, of.phase
    fields = {
        name: plain(value) if isinstance(value, str) and name != "key" else value
        for name, value in asdict(finding).items()
    }
    times = {name: timestamp(at) for name in _TIMES if (at := getattr(finding, name)) is not None}
    text = sentence(finding, phase)
    hosts: dict[str, Any] = {}
    if of.hosts:
        where = f", on {host_words(of.hosts)}"
        text = plain(text, len(where)) + where
        shown = of.hosts[:MOST_HOSTS]
        hosts = {"hosts": list(map(plain, shown)), "more_hosts": len(of.hosts) - len(shown)}
    return {**fields, **times, **hosts, "phase": phase, "text": plain(text)}


def plain(text: str, reserved: int = 0) -> str:
    """A text without control characters, cut to its longest length but for what is reserved."""
    cleaned, longest = clean(text), LONGEST_TEXT - reserved
    return cleaned if len(cleaned) <= longest else f"{cleaned[: longest - 1]}…"


def _gravity(of: Alike) -> tuple[bool, int]:
    """The place of a finding: what is over last, and before it what is graver, the watch first."""
    return of.phase == END, GRAVITY.get(of.finding.verdict, -1)


def _whole(findings: Sequence[Alike]) -> str:
    """The host of all findings of a fleet, if they have one."""
    hosts = {host for each in findings for host in each.hosts}
    return hosts.pop() if len(hosts) == 1 else FLEET


def _said(finding: Finding) -> str:
    if finding.kind in OF_THE_WATCH:
        return finding.why or finding.kind
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


def _counted(findings: Sequence[Alike]) -> str:
    ended = sum(each.phase == END for each in findings)
    begun = len(findings) - ended
    words = []
    if begun or not ended:
        words.append("1 finding" if begun == 1 else f"{begun:,} findings")
    if ended:
        words.append(f"{ended:,} over")
    return ", ".join(words)
