"""The context of a view, kept in the session: views are files, and files take no arguments."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd
import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from porteye_core.errors import StoreError, StoreMissing, StoreSlow
from porteye_core.guards.access import Access
from porteye_core.host_patterns import Patterns
from porteye_core.model import Filters
from porteye_core.store.alerts import beside
from porteye_core.store.database import Database, open_reader
from porteye_core.store.reading import Reader
from porteye_core.ui.markdown import literal

_KEY = "view"


@dataclass(frozen=True, slots=True)
class View:
    """The database and the filters of the page; `length` is that of a range which ends now,
    whenever that is, and None where the filters themselves bound the time. `access` signs the
    addresses of files. expected, alerts_db: the file of expected ports and the alerts database that
    are named. stops: the page may stop processes. own_db: the database of this machine, where `db`
    is a host of a fleet. of_fleet: the page is that of all hosts, hosts: of those with a name like
    these."""

    db: Database
    filters: Filters
    length: int | None = None
    access: Access = field(default_factory=Access)
    expected: Path | None = None
    alerts_db: Path | None = None
    stops: bool = False
    own_db: Path | None = None
    of_fleet: bool = False
    hosts: Patterns = ()

    @property
    def of_host(self) -> bool:
        """True if the page is that of a host of a fleet, of which this machine knows only what it
        has shipped."""
        return not isinstance(self.db, Path)

    @property
    def host(self) -> str:
        """The name of the host of a fleet, empty for this machine."""
        return "" if isinstance(self.db, Path) else self.db.name

    @property
    def place(self) -> Path:
        """The database of this machine, beside which settings stand."""
        if isinstance(self.db, Path):
            return self.db
        assert self.own_db is not None
        return self.own_db

    @property
    def alerts_file(self) -> Path:
        """The alerts database."""
        return self.alerts_db or beside(self.place)

    def filters_at(self, now: int) -> Filters:
        """The filters, with the times that they stand for at this moment."""
        return replace(self.filters, since=now - self.length) if self.length else self.filters

    def save(self) -> None:
        """Make this the session's."""
        st.session_state[_KEY] = self

    @staticmethod
    def current() -> "View":
        """The session's; ui.main has kept one before any view runs."""
        view: View = st.session_state[_KEY]
        return view


def now() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


def read(db: Database, draw: Callable[[Reader], None], *, silent: bool = False) -> None:
    """Draw a view from one moment of the database, or say that there is none: why, and what to do
    about it, stands above every view. Silent: another part of the view says it."""
    try:
        with open_reader(db) as reader:
            draw(reader)
    except StoreSlow as err:
        st.warning(literal(err), icon=":material/hourglass_disabled:")
    except StoreError as err:
        if silent:
            return
        missing = isinstance(err, StoreMissing)
        unread = "Nothing can be shown until the database can be read."
        st.info("Nothing is recorded yet." if missing else unread)


def draw_again() -> None:
    """End this run, and run again the part of the view that is being drawn.

    A click on that part can come with a run of the whole page, which Streamlit then runs again.
    """
    context = get_script_run_ctx()
    is_part = context is not None and bool(context.fragment_ids_this_run)
    st.rerun(scope="fragment" if is_part else "app")


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
