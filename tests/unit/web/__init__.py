"""Tests of porteye_core.web."""
