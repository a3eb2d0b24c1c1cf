"""Tests of porteye_core.system."""
