"""A listener as it is judged, and its identity, which a restart leaves the same; pure."""

import json
from dataclasses import dataclass
from typing import NamedTuple

from porteye_core.containers import lasting_container
from porteye_core.exposure import exposure
from porteye_core.hidden_owners import reason
from porteye_core.model import Protocol
from porteye_core.programs import lasting_name, lasting_unit
from porteye_core.reach import Exposure
from porteye_core.store.reading import Life, PastUse

_WIDTHS = {
    Exposure.MACHINE: 0,
    Exposure.CONTAINERS: 1,
    Exposure.CONTAINER: 2,
    Exposure.LINK: 3,
    Exposure.NETWORK: 4,
    Exposure.IPV6: 5,  # the wildcard of IPv6 and that of IPv4 are one
    Exposure.EVERYWHERE: 5,
}
REACHES = tuple(each for each in _WIDTHS if each is not Exposure.IPV6)
"""The reaches that a block can have, the narrowest first."""


class Identity(NamedTuple):
    """Attributes of a listener that are the same after a restart; port: None for an ephemeral one.
    who: its unit, else its container with the program, else its program."""

    protocol: Protocol
    port: int | None
    reach: Exposure
    who: str
    user: str

    @property
    def key(self) -> str:
        """The text by which the alerts database knows it.

        >>> Identity(Protocol.TCP, 22, Exposure.EVERYWHERE, "ssh.service", "root").key
        '["tcp", 22, "every interface", "ssh.service", "root"]'
        """
        return json.dumps(self, ensure_ascii=False)

    @classmethod
    def of(cls, key: str) -> "Identity":
        """The identity of such a text; raises ValueError for another one."""
        try:
            protocol, port, reach, who, user = json.loads(key)
        except TypeError:
            raise ValueError(f"not an identity: {key}") from None
        is_port = port is None or (type(port) is int and 0 < port <= 65535)
        if not is_port or not isinstance(who, str):
            raise ValueError(f"not an identity: {key}")
        return cls(Protocol(protocol), port, Exposure(reach), who, str(user))


@dataclass(frozen=True, slots=True)
class Seen:
    """A listener as it was seen. Without an owner that is known the words of the owner say nothing;
    hidden: the reason for that. lasted: the length of a life that is over. doubt: why it may not
    have been open at the moment that is judged."""

    protocol: Protocol
    port: int
    exposure: Exposure
    program: str = ""
    unit: str = ""
    container: str = ""
    user: str = ""
    hidden: str = ""
    lasted: int | None = None
    doubt: str = ""

    @classmethod
    def of(cls, life: Life, doubt: str = "") -> "Seen":
        """The listener of the store."""
        return cls(
            life.protocol,
            life.port,
            exposure(life.bound),
            lasting_name(life.process, life.exe, life.cmdline) if life.process else "",
            lasting_unit(life.unit),
            _container(life),
            life.user,
            _hidden(life.hidden, life.process),
            None if life.closed_at is None else life.closed_at - life.opened_at,
            doubt,
        )

    @classmethod
    def of_past(cls, use: PastUse) -> "Seen":
        """The listeners of the store that have all this in common."""
        return cls(
            use.protocol,
            use.port,
            use.exposure,
            lasting_name(use.process, use.exe, use.cmdline) if use.process else "",
            lasting_unit(use.unit),
            lasting_container(use.container, use.image, use.compose_project, use.compose_service),
            use.user,
            _hidden(use.hidden, use.process),
        )

    @property
    def reach(self) -> Exposure:
        """The exposure, as a block names it."""
        return Exposure.EVERYWHERE if self.exposure is Exposure.IPV6 else self.exposure

    @property
    def who(self) -> str:
        """The unit, else the container with the program, else the program."""
        return self.unit or " ".join(filter(None, (self.container, self.program)))

    def identity(self, *, is_ephemeral: bool) -> Identity:
        """The identity; is_ephemeral: its port says nothing."""
        return Identity(
            self.protocol,
            None if is_ephemeral else self.port,
            self.reach,
            "" if self.hidden else self.who,
            "" if self.hidden else self.user,
        )


def is_within(exposure: Exposure, reach: Exposure) -> bool | None:
    """Tell that a reach is as wide as the exposure at least; None if that is not known."""
    if Exposure.UNKNOWN in (exposure, reach):
        return True if reach is REACHES[-1] else None
    return _WIDTHS[exposure] <= _WIDTHS[reach]


def _container(life: Life) -> str:
    named = life.named
    if named is None:
        return lasting_container(life.container)
    return lasting_container(
        life.container, named.image, named.compose_project, named.compose_service
    )


def _hidden(hidden: str | None, process: str) -> str:
    why = reason(hidden, process or None)
    return why.short if why else ""
