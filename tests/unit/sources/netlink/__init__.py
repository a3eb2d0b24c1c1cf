"""Tests of porteye_core.sources.netlink."""
