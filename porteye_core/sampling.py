"""Samples of listeners' use."""

from collections.abc import Mapping

from porteye_core.model import Owned, Sample
from porteye_core.owner.usage import UNKNOWN, UsageMeter


def samples_of(owned: Mapping[int, Owned], meter: UsageMeter) -> list[Sample]:
    """Sample each listener, given by id; measure each process once."""
    usage = meter.measure(each.key for each in owned.values() if each.key)
    return [
        Sample(
            number,
            *usage.get(each.key, UNKNOWN) if each.key else UNKNOWN,
            each.socket.clients,
            each.socket.queue,
            each.socket.backlog,
        )
        for number, each in owned.items()
    ]
