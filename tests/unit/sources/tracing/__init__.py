"""Tests of porteye_core.sources.tracing."""
