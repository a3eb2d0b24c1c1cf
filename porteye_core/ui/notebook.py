"""Notes and accepts of people, in the alerts database: read for every view, and written."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import streamlit as st

from porteye_core.errors import PortEyeError, StoreError
from porteye_core.guards.access import Access
from porteye_core.judging.acceptance import Accepted
from porteye_core.store import alerts
from porteye_core.store.alerts import Connection, Note
from porteye_core.system.plain_text import cap, clean
from porteye_core.ui.context import View

Change = Callable[[Connection, str], object]
"""A change to the alerts database, by a connection and its author."""
_MAX_AUTHOR = 100  # bytes


@dataclass(frozen=True, slots=True)
class Notes:
    """The notes by their keys; error: why they cannot be read."""

    of: Mapping[str, Note] = field(default_factory=dict)
    error: str = ""

    def accepted(self, now: int) -> Accepted:
        """The identities that somebody has accepted and that still are."""
        return Accepted.of(self.of.values(), now)


class _Kept:
    """The notes of a host in one file, read again when something was committed to it; host: empty
    for a single machine."""

    def __init__(self, file: Path, host: str) -> None:
        self._file, self._host = file, host
        self._lock = threading.Lock()
        self._revision: object = None
        self._notes = Notes()

    def notes(self) -> Notes:
        with self._lock:
            found = alerts.revision(self._file)
            # None also for a file that is there and cannot be read: only reading tells which.
            if found is None or found != self._revision:
                self._notes = _read(self._file, self._host)
                self._revision = None if self._notes.error else found
            return self._notes


@cache
def _kept(file: Path, host: str) -> _Kept:
    return _Kept(file, host)


def notes(view: View) -> Notes:
    """The notes of now; none where there is no alerts database yet."""
    return _kept(view.alerts_file, view.host).notes()


def refusal(view: View) -> str:
    """The reason why this page cannot write, empty if it can."""
    if error := notes(view).error:
        return error
    reason = alerts.unwritable(view.alerts_file)
    if not reason:
        return ""
    return f"Nothing can be written here: {reason}. PORTEYE_ALERTS_DB names another place."


def write(view: View, change: Change) -> str:
    """Make a change in a transaction; return what went wrong as a sentence, empty if nothing
    did."""
    try:
        who = author(view.access)
        with alerts.writing(view.alerts_file) as connection:
            change(connection, who)
    except PortEyeError as err:
        return str(err)
    return ""


def author(access: Access) -> str:
    """The name of the login, else the page with the address that it is seen from.

    Raises StoreError for a session that has not logged in where a login is asked for.
    """
    if access.login:
        if not st.user.is_logged_in:
            raise StoreError("Nobody has logged in.", "Log in, and try again.")
        login = st.user.to_dict()
        names = (login.get(each) for each in ("email", "preferred_username", "name", "sub"))
        return cap(clean(str(next(filter(None, names), "a login"))), _MAX_AUTHOR)
    address = st.context.ip_address  # None on this machine itself
    return f"the page, from {clean(address)}" if address else "the page"


def _read(file: Path, host: str) -> Notes:
    try:
        return Notes({each.key: each for each in alerts.read_notes(file, host)})
    except StoreError as err:
        return Notes(error=str(err))
