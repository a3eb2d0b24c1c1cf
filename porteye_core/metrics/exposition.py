"""The text of families: OpenMetrics 1.0.0, and the text format 0.0.4 of Prometheus.

https://prometheus.io/docs/specs/om/open_metrics_spec/ and
https://prometheus.io/docs/instrumenting/exposition_formats/ define them.
"""

from collections.abc import Iterable, Iterator
from enum import Enum
from functools import lru_cache

from porteye_core.accepted import accepted
from porteye_core.metrics.family import Labels, MetricFamily, Type
from porteye_core.system.plain_text import clean

_TEXTS = ("text/plain", "text/*", "*/*")  # the most specific counts
_IN_VALUE = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Form(Enum):
    """Form of an exposition; the value is its media type."""

    OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    TEXT = "text/plain; version=0.0.4; charset=utf-8"


def form_for(accept: str) -> Form:
    """The form that a client which sends this Accept likes best; the older one where it does not
    say."""
    open_metrics, text = 0.0, dict[str, float]()
    for each in accepted(accept):
        version = each.parameters.get("version")
        if each.value == "application/openmetrics-text" and version in (None, "1.0.0"):
            open_metrics = max(open_metrics, each.weight)
        elif each.value in _TEXTS and version in (None, "0.0.4"):
            text[each.value] = max(text.get(each.value, 0.0), each.weight)
    of_text = next((text[name] for name in _TEXTS if name in text), 0.0)
    return Form.OPEN_METRICS if open_metrics > 0 and open_metrics >= of_text else Form.TEXT


def exposition(families: Iterable[MetricFamily], form: Form) -> str:
    """The text of these families."""
    rendered = dict[Labels, str]()  # the families of listeners share their labels
    lines = [line for each in families for line in _lines(each, form, rendered)]
    if form is Form.OPEN_METRICS:
        lines.append("# EOF")
    return "".join(f"{line}\n" for line in lines)


def _lines(family: MetricFamily, form: Form, rendered: dict[Labels, str]) -> Iterator[str]:
    sample = f"{family.name}{family.suffix}"
    is_open = form is Form.OPEN_METRICS
    # The older format knows no info, and gives the metadata to the name of the samples.
    name = family.name if is_open else sample
    kind = Type.GAUGE if family.type is Type.INFO and not is_open else family.type
    yield f"# HELP {name} {family.help}"
    yield f"# TYPE {name} {kind}"
    if family.unit and is_open:
        yield f"# UNIT {name} {family.unit}"
    for labels, value in family.samples.items():
        text = rendered.get(labels)
        if text is None:
            text = rendered[labels] = _labels(labels)
        yield f"{sample}{text} {value}"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = [f'{name}="{_escaped(value)}"' for name, value in labels]
    return f"{{{','.join(pairs)}}}"


@lru_cache(maxsize=8192)  # few values in many label sets, the same at each scrape
def _escaped(value: str) -> str:
    # The store's texts are clean already, but for damage.
    return clean(value).translate(_IN_VALUE)
