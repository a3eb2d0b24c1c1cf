"""No address breaks a view over many hosts: what cannot be meant is said, or left out."""

import pytest

from tests.kit.fleet import Fleet
from tests.kit.fleet_page import open_fleet_page
from tests.kit.page import texts
from tests.kit.postgres import needs_postgres

pytestmark = needs_postgres


@pytest.mark.parametrize(
    ("view", "said", "sentence"),
    [
        ("hosts", {"hosts": "a\0b"}, "control character"),
        ("hosts", {"hosts": "x" * 5000}, "5000 characters"),
        ("hosts", {"hosts": "\U0001f600*"}, "No host of 4 has a name like"),
        ("now", {"service": "99999/tcp/MACHINE/x"}, "It is not open on any of these hosts now."),
        ("now", {"service": "22/tcp/MACHINE/<b>**x**"}, r"\<b\>\*\*x\*\*"),
        ("now", {"service": "nothing"}, "services."),
        ("now", {"rows": "nothing"}, "services."),
        ("now", {"limit": "0"}, "is not a number of records"),
        ("now", {"port": "99999"}, "is not a port"),
        ("now", {"home": "%", "user": "_", "address": "::1"}, "No listener matches"),
        ("exposed", {"rows": "nothing"}, "services."),
        ("first_seen", {"range": "nothing"}, "is not a range"),
        ("history", {"before": "9223372036854775807.1.1", "range": "all"}, "back to"),
        ("history", {"before": "-1.1.1", "range": "all"}, "No older event"),
        ("history", {"before": "1.2147483648.1", "range": "all"}, "Showing the newest"),
        ("history", {"process": "\\", "range": "all"}, "No event in this time range"),
        ("time_machine", {"at": "nothing"}, "is not a time"),
        ("time_machine", {"at": "2100-12-31T23:59:59Z"}, "has not come yet"),
        ("activity", {"by": "year"}, "by hours."),
    ],
)
def test_a_view_stands_whatever_the_address_says(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, view: str, said: dict[str, str], sentence: str
) -> None:
    page = open_fleet_page(fleet.address, monkeypatch, view, said)
    assert not page.exception
    assert sentence in texts(page)
