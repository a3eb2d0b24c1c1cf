"""Parts that a listener's drawer and its story share."""

import os
from html import escape
from typing import NamedTuple

import pandas as pd
import streamlit as st

from porteye_core.containers import short_container
from porteye_core.programs import DELETED
from porteye_core.store.reading import Life, Reader
from porteye_core.ui import life_strip, stop_dialog
from porteye_core.ui.context import View, viewers_zone
from porteye_core.ui.life_strip import Strip
from porteye_core.ui.listener_actions import actions, url
from porteye_core.ui.listener_summary import address, chain, reach
from porteye_core.ui.markdown import literal
from porteye_core.ui.pages import story_link
from porteye_core.ui.session_cache import cached

_MINUTE, _HOUR = 60 * 1_000_000, 3_600 * 1_000_000
_MAX_EVENTS = 2_000  # of a strip: more than it has pixels
_MIB = 1 << 20


class _Fact(NamedTuple):
    name: str
    text: str


def draw_owner(life: Life) -> None:
    """Draw the command line, the chain of parents and what else is known of the owner."""
    if life.cmdline:
        st.code(life.cmdline, language=None, wrap_lines=True)
    if life.parents:
        *parents, last = map(literal, chain(life))
        st.markdown(f"**Started by** {' → '.join(parents)} → **{last}**")
    facts = [
        _Fact("Folder", life.cwd),
        _Fact("User", life.user),
        *_container_facts(life),
        _Fact("Unit", life.unit),
        _Fact("Process", "" if life.process == life.title else life.process),
        _Fact("Program", _program(life.exe)),
        _Fact("Socket made by", "" if life.socket_user == life.user else life.socket_user),
        _Fact("Interface", life.bound.interface or ""),
    ]
    if said := " · ".join(f"**{each.name}** {literal(each.text)}" for each in facts if each.text):
        st.markdown(said)


def draw_other_ends(reader: Reader, life: Life) -> None:
    """Draw the other ends of an open listener's published port, with a link to each story."""
    both = reader.published()
    if inside := _inside(reader, life):
        program, container = map(literal, (inside.title or "unknown", inside.shown_container))
        place = literal(address(inside))
        st.markdown(f"**Leads to** {program} in container {container}, which listens on {place}.")
        story_link(inside.id, "Story of the container's end")
    for each in both.published_by.get(life.id, ()):
        if host := reader.listener(each):
            place = f"**{literal(address(host))}** ({literal(reach(host))})"
            st.markdown(f"**Published on** {place} by {literal(host.title or 'unknown')}.")
            story_link(host.id, "Story of the host's end")


def draw_steps(reader: Reader, life: Life) -> None:
    """Draw the commands for a listener of this machine, to copy, and the link to its URL; a
    published port stops with its container."""
    if View.current().of_host:
        return
    for action in actions(_inside(reader, life) or life, windows=os.name == "nt"):
        st.caption(action.purpose)
        st.code(action.command, language=None, wrap_lines=True)
    stop_dialog.button(life)
    found = "" if life.closed_at is not None else url(life, st.context.url or "")
    if found:
        st.link_button(literal(f"Open {found}"), found, icon=":material/open_in_new:")


def draw_strip(reader: Reader, life: Life, moment: int, length: int) -> None:
    """Draw the strip of the port's lives in the time before a moment, as far as there is any
    history."""

    def make() -> Strip:
        began = reader.first_watch() or moment
        since = min(max(moment - length, began), moment - _HOUR)
        watching = reader.status(moment).is_current
        return Strip(
            life,
            reader.port_lives(life, since, moment, _MAX_EVENTS),
            reader.coverage(since, moment, watching=watching).gaps,
            since,
            moment,
            viewers_zone(),
        )

    of = reader.version(), life.id, length, moment // _MINUTE
    strip = cached(f"strip_{length}", of, make)
    st.html(f"{life_strip.html(strip)}<p class=caption>{escape(life_strip.words(strip))}</p>")


def draw_use(reader: Reader, life: Life, moment: int) -> None:
    """Draw what an open listener uses now, as far as it is known."""
    if life.closed_at is not None:
        return
    samples = reader.usage(life.id, moment - 10 * _MINUTE, moment)
    values = ["cpu", "rss", "clients", "queue", "backlog"]
    samples = samples.dropna(how="all", subset=values)
    if samples.empty:
        return
    cpu, rss, clients, queue, backlog = samples[values].iloc[-1]
    said = []
    if not pd.isna(clients):
        said.append(f"{int(clients):,} client{'' if clients == 1 else 's'}")
    if not pd.isna(queue) and not pd.isna(backlog) and queue:
        said.append(f"**{int(queue):,} wait, room for {int(backlog):,}**")
    if not pd.isna(cpu):
        said.append(f"CPU {cpu:.1f} % of a core")
    if not pd.isna(rss):
        said.append(f"{rss / _MIB:,.1f} MiB")
    st.markdown(" · ".join(said))


def _inside(reader: Reader, life: Life) -> Life | None:
    """The container's end of the published port whose host's end a listener is."""
    inside = reader.published().leads_to.get(life.id)
    return None if inside is None else reader.listener(inside)


def _container_facts(life: Life) -> list[_Fact]:
    """The names of the container; its id stands beside its name, whole where that is not known."""
    of = life.named
    if of is None:
        return []
    number = short_container(f"{of.runtime}:{of.runtime_id}")
    is_named = of.shown != number and of.container_name != of.runtime_id
    compose = f"{of.compose_project} / {of.compose_service}".strip(" /")
    pod = f"{of.pod_namespace} / {of.pod}".strip(" /")
    return [
        _Fact("Container", f"{of.shown} ({number})" if is_named else life.container),
        _Fact("Image", of.image),
        _Fact("Compose", compose),
        _Fact("Pod", pod),
        _Fact("Published", of.published),
    ]


def _program(exe: str) -> str:
    path = exe.removesuffix(DELETED)
    return exe if path == exe else f"{path}, deleted or replaced since it was started"
