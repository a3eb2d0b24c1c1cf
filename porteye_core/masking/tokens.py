"""Tokens that are known by their shape, from the table beside this module."""

import re
import tomllib
from pathlib import Path

from porteye_core.masking.addresses import MASK

TABLE = Path(__file__).with_name("tokens.toml")
_SHORTEST = 12


def mask_tokens(text: str) -> str:
    """The text with well-known tokens masked.

    >>> mask_tokens("app ghp_hunter2swordfishABCDEF")
    'app ***'
    """
    return text if len(text) < _SHORTEST else _TOKEN.sub(MASK, text)


def _load() -> re.Pattern[str]:
    entries = tomllib.loads(TABLE.read_text("utf-8"))["token"]
    # What follows a letter or digit is not the start of a token: every run is tried once.
    return re.compile(r"(?<!\w)(?:" + "|".join(entry["pattern"] for entry in entries) + ")")


_TOKEN = _load()
