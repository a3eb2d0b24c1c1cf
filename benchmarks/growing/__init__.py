"""Simulated days of listeners, through PortEye's writer and into a row per listener and tick."""
