"""Who holds a socket, why it runs, and what it uses."""

from porteye_core.owner.finder import OwnerFinder
from porteye_core.owner.processes import processes
from porteye_core.owner.usage import UsageMeter

__all__ = ["OwnerFinder", "UsageMeter", "processes"]
