"""Durations and sizes are read as people write them, or refused with what to give."""

import pytest

from porteye_core import config
from porteye_core.errors import ConfigError
from porteye_core.model import DEFAULT_RETENTION, RetentionPolicy

DAY = 86_400_000_000


def test_by_default_samples_stay_a_week_rollups_a_year_and_events_for_ever() -> None:
    assert (
        config.load({}, {}).retention
        == DEFAULT_RETENTION
        == RetentionPolicy(7 * DAY, 365 * DAY, None, None)
    )


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("1h", DAY // 24),
        ("30d", 30 * DAY),
        ("2 W", 14 * DAY),
        ("1.5y", 365 * DAY * 3 // 2),
        ("forever", None),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, microseconds: int | None) -> None:
    assert config.load({"keep_events": text}, {}).retention.events == microseconds
    assert config.load({"keep_samples": text}, {}).retention.samples == microseconds


@pytest.mark.parametrize(
    ("text", "size"), [("10MB", 10**7), ("2gb", 2 * 10**9), ("1.5 TB", 15 * 10**11)]
)
def test_a_size_is_in_thousands_of_thousands(text: str, size: int) -> None:
    assert config.load({"max_size": text}, {}).retention.size == size


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        *[("keep_events", text) for text in ("", "30", "d", "-1d", "1m", "0.5h", "1e3d", "٣d")],
        *[("keep_samples", text) for text in ("0h", "never", "7 days")],
        *[("max_size", text) for text in ("", "500", "9MB", "1KB", "forever", "-1GB", "1 GiB")],
    ],
)
def test_anything_else_is_refused_with_the_flag_and_a_hint(flag: str, text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config.load({flag: text}, {})
    assert refused.value.message.startswith(f"--{flag.replace('_', '-')} {text}")
    assert refused.value.hint
