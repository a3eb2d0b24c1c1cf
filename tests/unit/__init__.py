"""Tests of single modules; the folders mirror porteye_core, and tests/house checks that."""
