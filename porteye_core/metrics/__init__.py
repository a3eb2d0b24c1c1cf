"""Metrics for Prometheus: families of numbers from the store, and the text that carries them."""
