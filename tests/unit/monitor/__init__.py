"""Tests of porteye_core.monitor."""
