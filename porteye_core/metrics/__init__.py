"""Metrics for Prometheus: families of numbers from the store, and the text that carries them."""

from porteye_core.metrics.exposition import Form, exposition, form_for
from porteye_core.metrics.families import (
    MAX_LABEL_SETS,
    MIN_LABEL_SETS,
    families,
    families_of_nobody,
)
from porteye_core.metrics.family import MetricFamily

__all__ = [
    "MAX_LABEL_SETS",
    "MIN_LABEL_SETS",
    "Form",
    "MetricFamily",
    "exposition",
    "families",
    "families_of_nobody",
    "form_for",
]
