"""What a person means who types into the quick answers."""

import pytest

from porteye_core.ui.asked import Asked, asked


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("3000", Asked(port=3000, pid=3000)),
        (" :3000 ", Asked(port=3000)),
        ("localhost:3000", Asked(port=3000)),
        ("port 443", Asked(port=443)),
        ("53/udp", Asked(port=53)),
        ("pid 812", Asked(pid=812)),
        ("PID812", Asked(pid=812)),
        ("123456", Asked(pid=123456)),
        ("nginx", Asked(name="nginx")),
        ("python3 -m", Asked(name="python3 -m")),
        ("99999999999999", Asked(name="99999999999999")),
        ("", Asked()),
        ("\0", Asked()),
    ],
)
def test_a_text_has_its_readings(text: str, meant: Asked) -> None:
    assert asked(text) == meant
