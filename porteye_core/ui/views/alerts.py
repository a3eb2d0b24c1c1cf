"""Alerts: what is not as expected, what was told to whom, silences and receivers."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from porteye_core import places
from porteye_core.errors import StoreError, StoreMissing
from porteye_core.host_patterns import matches
from porteye_core.store import alerts
from porteye_core.store.alerts import Finding, Quiet, Receiver, Silence, Told, Tried
from porteye_core.ui import (
    alerts_receivers,
    alerts_silences,
    alerts_tables,
    layout,
    notebook,
    verdicts,
)
from porteye_core.ui.context import View, now, viewers_zone
from porteye_core.ui.listener_drawer import open_drawer
from porteye_core.ui.markdown import literal
from porteye_core.ui.session_cache import cached
from porteye_core.ui.times import moment

_MOST = 100  # rows of a table
_KEPT = "alerts_read"
_NOT_EXPECTED = "What is not as expected, the newest first"
_RECEIVER = """install -m 600 /dev/null {folder}/alerts.toml
cat > {folder}/alerts.toml <<'END'
[[receiver]]
name = "log"
kind = "command"
command = ["/usr/bin/tee", "-a", {log}]
END"""


@dataclass(frozen=True, slots=True)
class _Read:
    """Rows of one moment of the alerts database; undelivered: what was tried and not taken."""

    findings: Sequence[Finding] = ()
    told: Sequence[Told] = ()
    undelivered: Sequence[Told] = ()
    receivers: Sequence[Receiver] = ()
    tests: Mapping[str, Tried] | None = None
    quiet: Sequence[Quiet] = ()


@st.fragment(run_every=5)
def alerts_now() -> None:
    """Everything about alerts, renewed by itself."""
    view = View.current()
    try:
        found = _read(view)
        silences = _silences(view)
    except StoreError as err:
        st.warning(literal(err), icon=":material/database:")
        return
    with st.container(key="alerts"):
        _state(view, found)
        clicked = _findings(view, found)
        _told(found)
        refused = notebook.refusal(view)
        if found.receivers:
            st.subheader("Receivers", anchor=False)
            alerts_receivers.draw(view, found.receivers, found.tests or {}, disabled=bool(refused))
        st.subheader("Silences", anchor=False)
        alerts_silences.draw_quiet(found.quiet)
        alerts_silences.draw(view, silences, disabled=bool(refused))
        if refused:
            st.caption(literal(refused))
    if clicked is not None:
        _open(view, clicked)


def _open(view: View, of: Finding) -> None:
    """Open the listener of a finding, or the page of its host."""
    if view.of_fleet and of.host:
        from porteye_core.ui.fleet.pages import go_to_host  # noqa: PLC0415 - needs psycopg

        if of.listener_id is None:
            go_to_host(of.host)
        else:
            go_to_host(of.host, "listener", listener=str(of.listener_id))
    elif of.listener_id is None:
        st.toast("Nothing listens there.", icon=":material/search_off:")
    else:
        open_drawer(of.listener_id)


def _read(view: View) -> _Read:
    """Read the database again only if something was committed to it. Raises StoreError."""

    def ask() -> _Read:
        try:
            with alerts.open_to_read(view.alerts_file) as connection:
                return _Read(
                    alerts.open_findings(connection)[::-1],
                    alerts.newest_messages(connection, _MOST),
                    alerts.undelivered_messages(connection, _MOST),
                    alerts.receivers(connection),
                    alerts.latest_tests(connection),
                    alerts.quiet_windows(connection),
                )
        except StoreMissing:
            return _Read()

    return cached(_KEPT, (alerts.revision(view.alerts_file),), ask)


def _silences(view: View) -> list[Silence]:
    """The silences that are not over. Raises StoreError."""
    try:
        with alerts.open_to_read(view.alerts_file) as connection:
            return alerts.silences(connection, now())
    except StoreMissing:
        return []


def _state(view: View, found: _Read) -> None:
    """Say whether somebody judges and tells, and how to begin if nobody does."""
    if error := verdicts.in_force(view).error:
        st.warning(literal(error), icon=":material/rule:")
    try:
        since = alerts.judging_since(view.alerts_file)
    except StoreError as err:
        st.warning(literal(err), icon=":material/notifications_off:")
        return
    if since is not None:
        begun = f" since {moment(since, now(), viewers_zone())}" if since else ""
        count = len(found.receivers)
        whom = f"{count:,} receiver{'' if count == 1 else 's'}" if count else "nobody yet"
        st.caption(literal(f"The alerts process judges{begun}, and tells {whom}."))
        return
    if found.receivers:
        st.warning(
            "**No alerts process runs:** nothing is told. Start it with `porteye alerts`.",
            icon=":material/notifications_off:",
        )
        return
    st.markdown("Nobody is told yet of what should not listen, or of what should and does not.")
    with st.expander("How to begin", icon=":material/play_arrow:", expanded=not found.findings):
        lines = begin(view.place, of_fleet=view.of_fleet)
        st.code(lines, language="sh", wrap_lines=True)
        st.caption(
            "Read expected.toml before you keep it. docs/alerts.md has mail, webhooks, the journal"
            " and more."
        )


def begin(db: Path, *, of_fleet: bool = False) -> str:
    """The lines that begin with alerts, for this installation and this database; of_fleet: for the
    fleet, whose hosts' blocks each of them learns by itself."""
    command = shlex.join(places.command_words())
    named, folder = f"--db {shlex.quote(str(db))}", shlex.quote(str(db.parent))
    lines = [
        *([f"cd {shlex.quote(str(places.TOP))}"] if places.IS_CHECKOUT else []),
        *([] if of_fleet else [f"{command} learn {named} > {folder}/expected.toml"]),
        # Not in /tmp, where any user can be there first.
        _RECEIVER.format(folder=folder, log=json.dumps(str(db.parent / "porteye-alerts.log"))),
        f"PORTEYE_FLEET=… {command} alerts {named}" if of_fleet else f"{command} alerts {named}",
    ]
    return "\n".join(lines)


def _findings(view: View, found: _Read) -> Finding | None:
    """Draw what is open; return what is clicked."""
    # What is wrong with the server is of no host, and of each.
    shown = [each for each in found.findings if not each.host or matches(view.hosts, each.host)]
    brief = [each for each in shown if each.kind == "brief"]
    lasting = [each for each in shown if each.kind != "brief"]
    count, clicked = len(lasting), None
    layout.title(f"{count:,} open" if count else "Alerts")
    st.subheader(f"Open{f': {count:,}' if count else ''}", anchor=False)
    if lasting:
        if count > _MOST:
            st.caption(f"The newest {_MOST:,} of them.")
        clicked = alerts_tables.draw_findings(
            lasting[:_MOST],
            found.receivers,
            key="open_findings",
            alt=_NOT_EXPECTED,
            with_host=view.of_fleet,
        )
    else:
        st.markdown(":material/check: Nothing that an alerts process has found is open.")
    if brief:
        label = f"{len(brief):,} for the daily digest: open for a moment"
        with st.expander(label, icon=":material/bolt:"):
            clicked_brief = alerts_tables.draw_findings(
                brief[:_MOST],
                found.receivers,
                key="brief_findings",
                alt="What was brief",
                with_host=view.of_fleet,
            )
        clicked = clicked or clicked_brief
    return clicked


def _told(found: _Read) -> None:
    if found.undelivered:
        st.subheader("Not delivered", anchor=False)
        alerts_tables.draw_failures(found.undelivered)
    st.subheader("Told", anchor=False)
    if found.told:
        alerts_tables.draw_messages(found.told)
    else:
        st.caption("No message was sent yet.")


alerts_now()
