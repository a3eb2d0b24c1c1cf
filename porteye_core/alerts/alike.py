"""Findings of several hosts that say the same, as one; pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from porteye_core.alerts.judge import OF_A_HOST
from porteye_core.store.alerts import Finding

_NAMED = 3  # hosts that a sentence names


@dataclass(frozen=True, slots=True)
class Alike:
    """A finding with its phase; hosts: all that have the like, empty on a single machine."""

    finding: Finding
    phase: str
    hosts: tuple[str, ...] = ()


def each_apart(findings: Sequence[tuple[Finding, str]]) -> list[Alike]:
    """The findings of a single machine."""
    return [Alike(finding, phase) for finding, phase in findings]


def alike(findings: Sequence[tuple[Finding, str]]) -> list[Alike]:
    """The findings of a fleet, by the names of their hosts; two of one host are never one."""
    found = dict[tuple[object, ...], Alike]()
    for finding, phase in sorted(findings, key=lambda each: each[0].host):
        of = _key(finding, phase)
        again = 0
        while (known := found.get((*of, again))) and finding.host in known.hosts:
            again += 1
        before = known.hosts if known else ()
        hosts = (*before, finding.host) if finding.host else ()
        found[*of, again] = replace(known, hosts=hosts) if known else Alike(finding, phase, hosts)
    return list(found.values())


def host_words(hosts: Sequence[str]) -> str:
    """Names of hosts in a sentence.

    >>> host_words(["web1"]), host_words(["web1", "web2"])
    ('web1', 'web1 and web2')
    >>> host_words([f"web{number}" for number in range(1, 51)])
    'web1, web2, web3 and 47 more'
    """
    named = list(hosts[:_NAMED])
    if len(hosts) > _NAMED:
        return f"{', '.join(named)} and {len(hosts) - _NAMED:,} more"
    *others, last = named
    return f"{', '.join(others)} and {last}" if others else last


def _key(finding: Finding, phase: str) -> tuple[object, ...]:
    """The same for the findings that say the same of their hosts."""
    if finding.kind in OF_A_HOST:
        return phase, finding.kind
    return phase, finding.kind, finding.verdict, finding.key
