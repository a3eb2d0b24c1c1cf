"""Tests of porteye_core.masking."""
