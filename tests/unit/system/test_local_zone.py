"""The zone of this machine: TZ, the link of localtime(5), a copy of its file, or UTC."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from porteye_core.system.local_zone import local_zone

ZONES = Path("/usr/share/zoneinfo")
needs_zones = pytest.mark.skipif(not ZONES.is_dir(), reason="no zone files on this system")


@pytest.mark.parametrize(
    ("named", "key"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        (":America/Lima", "America/Lima"),
        ("", "UTC"),
        ("No/Where", "UTC"),
        ("../../etc/passwd", "UTC"),
        ("/etc/passwd", "UTC"),
        ("a\0b", "UTC"),
    ],
)
def test_tz_names_the_zone_if_there_is_such_a_zone(named: str, key: str, tmp_path: Path) -> None:
    assert local_zone({"TZ": named}, tmp_path / "none").key == key


@needs_zones
def test_the_link_names_the_zone(tmp_path: Path) -> None:
    link = tmp_path / "localtime"
    link.symlink_to(ZONES / "Asia" / "Tokyo")
    assert local_zone({}, link).utcoffset(datetime(2026, 1, 1, tzinfo=UTC)) is not None
    assert local_zone({}, link).key.endswith("Tokyo")


@needs_zones
def test_a_copy_has_its_rules_without_a_name(tmp_path: Path) -> None:
    copy = tmp_path / "localtime"
    copy.write_bytes((ZONES / "Asia" / "Tokyo").read_bytes())
    at = datetime(2026, 1, 1, tzinfo=local_zone({}, copy))
    assert f"{at:%Z %z}" == "JST +0900"
    copy.write_text("not a zone")
    assert local_zone({}, copy).key == "UTC"
