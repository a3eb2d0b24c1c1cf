"""PortEye: what listens on this machine, what did before, who opened it and why."""

__version__ = "0.2.0"
