"""Tests of porteye_core.ui.views."""
