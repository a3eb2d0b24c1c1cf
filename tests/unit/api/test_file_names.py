"""Names of the files that the API sends."""

import pytest

from porteye_core.api.file_names import file_name
from porteye_core.model import Filters, Protocol
from porteye_core.store.reading import Form

AT = 1_795_417_380_000_000  # 2026-11-23 07:03 UTC
MINUTE, DAY = 60_000_000, 86_400_000_000


@pytest.mark.parametrize(
    ("filters", "times", "name"),
    [
        (Filters(), (None, AT), "porteye-history-to-2026-11-23.csv"),
        (Filters(), (AT - DAY, AT), "porteye-history-2026-11-22-to-23.csv"),
        (Filters(), (AT - 40 * DAY, AT), "porteye-history-2026-10-14-to-11-23.csv"),
        (Filters(), (AT - 400 * DAY, AT), "porteye-history-2025-10-19-to-2026-11-23.csv"),
        (Filters(), (AT - 30 * MINUTE, AT), "porteye-history-2026-11-23-0633Z-to-0703Z.csv"),
        (Filters(), (AT, AT), "porteye-history-2026-11-23-0703Z-to-0703Z.csv"),
        (Filters(), (AT + 9_000_000,), "porteye-history-2026-11-23-070309Z.csv"),
        (
            Filters(((80, 80), (8000, 8999)), process="nginx -g", protocol=Protocol.UDP),
            (None, AT),
            "porteye-history-port-80,8000-8999-nginx-g-udp-to-2026-11-23.csv",
        ),
    ],
)
def test_a_name_says_contents_filters_and_times(
    filters: Filters, times: tuple[int | None, ...], name: str
) -> None:
    assert file_name("history", Form.CSV, filters, *times) == name


@pytest.mark.parametrize(
    "process", ['../é\r\n"x;y" .', "プロセス", "..", "-rf /", "CON", "a" * 256, "%00", "$(id)"]
)
def test_a_name_is_safe_whatever_the_filter(process: str) -> None:
    name = file_name("now", Form.JSON, Filters(process=process), AT)
    assert name.startswith("porteye-now-")
    assert name.endswith("2026-11-23-0703Z.json")
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.,")
    assert ".." not in name
    assert "--" not in name
    assert len(name) < 100


def test_a_name_is_short_however_many_the_ports_are() -> None:
    filters = Filters(tuple((port, port) for port in range(60_000, 60_100)), "x" * 256)
    name = file_name("history", Form.JSON, filters, AT)
    assert "-port-100-ranges-xxx" in name
    assert len(name) < 200
