"""Tests of porteye_core.owners."""
