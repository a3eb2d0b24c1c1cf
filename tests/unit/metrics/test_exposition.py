"""The text of metrics, judged by the parsers of prometheus_client."""

from unicodedata import category

import pytest

from porteye_core.metrics.exposition import Form, exposition, form_for
from porteye_core.metrics.family import Labels, MetricFamily, Type
from tests.kit.prometheus import parsed

HOSTILE = (
    '"} 1\nporteye_up 1\n# EOF',
    "\\",
    "a\\n\\\\b",
    "\x1b[31mred\x07\r\x00",
    "\x85\u2028\u202eevil",
    "\udcff no text",
    "Größe 漢字 🙂",
    " ",
    "{}=,",
    "x" * 10_000,
)
GAUGE = MetricFamily("porteye_listeners", Type.GAUGE, "Listeners.", labels=("program",))
COUNTER = MetricFamily("porteye_events", Type.COUNTER, "Events.", labels=("kind",))
SECONDS = MetricFamily("porteye_scan_seconds", Type.GAUGE, "Duration.", "seconds")
INFO = MetricFamily("porteye_build", Type.INFO, "Version.", labels=("version",))
THREE = [COUNTER.single(7, "opened"), SECONDS.single(0.5), INFO.single(1, "0.2.0")]

NEWEST = "application/openmetrics-text;version=1.0.0"
OF_PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
OF_PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;"
    "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
OF_CHROMIUM = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def program(name: str) -> Labels:
    return GAUGE.labelled((name,))


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_the_text(form: Form, name: str) -> None:
    families = [GAUGE.of({program(name): 3, program("next"): 4}), SECONDS.single(0.25)]
    text = exposition(families, form).encode().decode()
    assert not any(line.startswith("porteye_up") for line in text.split("\n"))
    found, last = parsed(text, form)
    assert [sample.value for sample in found.samples] == [3, 4]
    (label,) = found.samples[0].labels.values()
    if name.isprintable():
        assert label == name
    assert not any(category(each) in ("Cc", "Cs") for each in label)
    assert [sample.value for sample in last.samples] == [0.25]


def test_open_metrics_names_types_units_and_its_end() -> None:
    assert exposition(THREE, Form.OPEN_METRICS) == (
        "# HELP porteye_events Events.\n"
        "# TYPE porteye_events counter\n"
        'porteye_events_total{kind="opened"} 7\n'
        "# HELP porteye_scan_seconds Duration.\n"
        "# TYPE porteye_scan_seconds gauge\n"
        "# UNIT porteye_scan_seconds seconds\n"
        "porteye_scan_seconds 0.5\n"
        "# HELP porteye_build Version.\n"
        "# TYPE porteye_build info\n"
        'porteye_build_info{version="0.2.0"} 1\n'
        "# EOF\n"
    )


def test_the_older_format_names_samples_and_knows_no_info_and_no_end() -> None:
    assert exposition(THREE, Form.TEXT) == (
        "# HELP porteye_events_total Events.\n"
        "# TYPE porteye_events_total counter\n"
        'porteye_events_total{kind="opened"} 7\n'
        "# HELP porteye_scan_seconds Duration.\n"
        "# TYPE porteye_scan_seconds gauge\n"
        "porteye_scan_seconds 0.5\n"
        "# HELP porteye_build_info Version.\n"
        "# TYPE porteye_build_info gauge\n"
        'porteye_build_info{version="0.2.0"} 1\n'
    )


@pytest.mark.parametrize("value", [0, 1, 10**15, 0.1, 1e-7, 1e22, 2 / 3])
@pytest.mark.parametrize("form", Form)
def test_a_number_is_read_back_as_it_is(form: Form, value: float) -> None:
    (found,) = parsed(exposition([SECONDS.single(value)], form), form)
    assert [sample.value for sample in found.samples] == [value]


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        *((NEWEST, Form.OPEN_METRICS), (OF_PROMETHEUS_2, Form.OPEN_METRICS)),
        *((OF_PROMETHEUS_3, Form.OPEN_METRICS), (OF_CHROMIUM, Form.TEXT)),
        *(("", Form.TEXT), ("*/*", Form.TEXT), ("text/plain;version=0.0.4", Form.TEXT)),
        *(("application/json", Form.TEXT), ("nonsense;;=,;q", Form.TEXT)),
        (f"{NEWEST};q=0, */*", Form.TEXT),
        (f"{NEWEST};q=0.2, text/plain;q=0.9", Form.TEXT),
        (f"{NEWEST};q=0.5, text/plain;q=0.1, */*", Form.OPEN_METRICS),
        ("application/openmetrics-text", Form.OPEN_METRICS),
        ("application/openmetrics-text;version=2.0.0", Form.TEXT),
    ],
)
def test_the_form_is_what_the_client_likes_best(accept: str, form: Form) -> None:
    assert form_for(accept) is form
