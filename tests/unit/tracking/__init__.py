"""Tests of porteye_core.tracking."""
