"""Tests of porteye_core.command."""
