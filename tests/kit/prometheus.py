"""Judges of metrics: the parsers of prometheus_client, promtool, and a real Prometheus."""

from prometheus_client import Metric
from prometheus_client.openmetrics import parser as of_open_metrics
from prometheus_client.parser import text_string_to_metric_families as of_text

from porteye_core.metrics import Form


def parsed(text: str, form: Form) -> list[Metric]:
    """The families of a text; raises ValueError where it is not as its format says."""
    if form is Form.TEXT:
        return list(of_text(text))
    return list(of_open_metrics.text_string_to_metric_families(text))  # type: ignore[no-untyped-call]
