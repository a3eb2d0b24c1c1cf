"""PortEye: what listens on this machine, what did before, who opened it and why."""

__version__ = "0.1.0"
