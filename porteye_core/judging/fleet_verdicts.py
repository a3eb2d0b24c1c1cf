"""Verdicts on the listeners of many hosts: each is judged as its own host would judge it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from porteye_core.config import Config
from porteye_core.judging.acceptance import NOBODY, Accepted
from porteye_core.judging.in_force import in_force
from porteye_core.judging.judge import Judged, Judges
from porteye_core.judging.verdicts import GRAVITY
from porteye_core.store.alerts import by_host, read_notes_of_all
from porteye_core.store.fleet.many_hosts.listeners import FleetListener, Service
from porteye_core.store.fleet.many_hosts.reader import FleetReader
from porteye_core.store.fleet.many_hosts.selection import Selection
from porteye_core.store.fleet.many_hosts.uses import key_of, uses_of_listeners, uses_of_services
from porteye_core.store.reading import PastUse


@dataclass(frozen=True, slots=True)
class Court:
    """The judges of all hosts, and what people accept on each of them, by the host's name."""

    judges: Judges
    accepted: Mapping[str, Accepted] = field(default_factory=dict)

    def judged(self, host: str, use: PastUse) -> Judged:
        """The verdict on a listener of a host."""
        return self.judges.on(host).judged(use).after(self.accepted.get(host, NOBODY))

    def gravest(self, uses: Iterable[tuple[PastUse, frozenset[str]]]) -> Judged | None:
        """The gravest verdict on these uses, each on these hosts; None if there is none."""
        found = (self.judged(host, use) for use, hosts in uses for host in hosts)
        return min(found, key=lambda each: GRAVITY[each.judgement.verdict], default=None)


def court(config: Config, now: int) -> Court | None:
    """The court of the file that counts now, and of what people accept then; None if no file says
    what is expected. Raises StoreError if the alerts database is there and cannot be read."""
    judges = in_force(config).judges
    if judges is None:
        return None
    notes = by_host(read_notes_of_all(config.alerts_file))
    return Court(judges, {host: Accepted.of(of, now) for host, of in notes.items()})


def listener_verdicts(
    reader: FleetReader, court: Court, rows: Sequence[FleetListener]
) -> list[Judged | None]:
    """The verdict on each of these listeners, in their order; None for one that the fleet does not
    have any more. Raises FleetError."""
    uses = uses_of_listeners(reader, rows)
    return [
        None if use is None else court.judged(row.host, use)
        for row, use in zip(rows, uses, strict=True)
    ]


def service_verdicts(
    reader: FleetReader, court: Court, wanted: Selection, rows: Sequence[Service]
) -> list[Judged | None]:
    """The gravest verdict on the listeners of each of these services, in their order; wanted: the
    selection that found them. None for one that nobody has any more. Raises FleetError."""
    uses = uses_of_services(reader, wanted, rows)
    return [court.gravest(uses.get(key_of(row), ())) for row in rows]
