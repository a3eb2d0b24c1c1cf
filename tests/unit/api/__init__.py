"""Tests of porteye_core.api."""
