"""Tests of porteye_core.guards."""
