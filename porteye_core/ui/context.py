"""What a view works from, kept in the session: views are files, and files take no arguments."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd
import streamlit as st

from porteye_core.access import Access
from porteye_core.model import Filters

_KEY = "view"


@dataclass(frozen=True, slots=True)
class View:
    """The database and the filters of the page; `length` is that of a range which ends now,
    whenever that is, and None where the filters themselves bound the time. `access` signs the
    addresses of files."""

    db: Path
    filters: Filters
    length: int | None = None
    access: Access = field(default_factory=Access)

    def asked(self, now: int) -> Filters:
        """The filters of one look, at this moment."""
        return replace(self.filters, since=now - self.length) if self.length else self.filters

    def keep(self) -> None:
        """Make this the session's."""
        st.session_state[_KEY] = self

    @staticmethod
    def current() -> "View":
        """The session's; ui.main has kept one before any view runs."""
        view: View = st.session_state[_KEY]
        return view


def viewers_zone() -> ZoneInfo:
    """The time zone of the viewer's browser, UTC where it does not say."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def local(micros: int) -> str:
    """A time as the viewer reads it, with its zone."""
    moment = pd.Timestamp(micros, unit="us", tz="UTC").tz_convert(viewers_zone())
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}"
