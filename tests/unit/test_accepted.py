"""Content that a client accepts, by the headers that clients really send."""

import pytest

from porteye_core.accepted import accepted, accepts_gzip


@pytest.mark.parametrize(
    ("header", "accepts"),
    [
        *(("gzip", True), ("gzip, deflate, br", True), ("GZIP;q=0.1", True), ("x-gzip", True)),
        *(("", False), ("br", False), ("identity", False), ("*", False)),
        *(("gzip;q=0", False), ("br, gzip; q=0.0", False), ("gzip;q=nonsense", False)),
        *(("gzip;q=nan", False), ("gzip;q=7", False), ("gzip;q=-1", False)),
    ],
)
def test_gzip_is_accepted_where_it_is_named_and_not_refused(header: str, *, accepts: bool) -> None:
    assert accepts_gzip(header) is accepts


def test_parameters_stand_beside_their_value() -> None:
    (one, other) = accepted('Text/Plain; Version="0.0.4"; Q=0.5;charset , ,*/*')
    assert one == ("text/plain", {"version": "0.0.4", "charset": ""}, 0.5)
    assert other == ("*/*", {}, 1.0)
