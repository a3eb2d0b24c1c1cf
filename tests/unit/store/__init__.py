"""Tests of porteye_core.store."""
