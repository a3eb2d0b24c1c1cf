"""Meaning of a text in the lookup dialog."""

import pytest

from porteye_core.ui.lookup_dialog import LookupQuery, parse_query


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("3000", LookupQuery(port=3000, pid=3000)),
        (" :3000 ", LookupQuery(port=3000)),
        ("localhost:3000", LookupQuery(port=3000)),
        ("port 443", LookupQuery(port=443)),
        ("53/udp", LookupQuery(port=53)),
        ("pid 812", LookupQuery(pid=812)),
        ("PID812", LookupQuery(pid=812)),
        ("123456", LookupQuery(pid=123456)),
        ("nginx", LookupQuery(name="nginx")),
        ("python3 -m", LookupQuery(name="python3 -m")),
        ("99999999999999", LookupQuery(name="99999999999999")),
        ("", LookupQuery()),
        ("\0", LookupQuery()),
    ],
)
def test_a_text_has_its_readings(text: str, meant: LookupQuery) -> None:
    assert parse_query(text) == meant
