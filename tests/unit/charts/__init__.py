"""Tests of porteye_core.charts."""
