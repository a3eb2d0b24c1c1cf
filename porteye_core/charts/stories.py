"""Hover texts of the timeline's bars; always escaped text, never markup."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from porteye_core.charts.figure import moments, text


def stories(lives: pd.DataFrame) -> list[str]:
    """Hover text of each life: owner, address, and opening and closing with their precision."""
    lines = zip(
        lives["process"].tolist(),
        lives["pid"].tolist(),
        lives["protocol"].tolist(),
        lives["address"].tolist(),
        lives["port"].tolist(),
        _edges(lives, "opened"),
        _edges(lives, "closed"),
        strict=True,
    )
    return [
        f"{text(process) or 'unknown owner'}{'' if pd.isna(pid) else f', pid {pid}'}<br>"
        f"{protocol} {text(address)} port {port}<br>{opened}<br>{closed}"
        for process, pid, protocol, address, port, opened, closed in lines
    ]


def several(merged: pd.DataFrame) -> list[str]:
    """Hover text of each bar that merges several lives."""
    lines = zip(
        merged["process"].tolist(),
        merged["protocol"].tolist(),
        merged["port"].tolist(),
        merged["opened"].tolist(),
        merged["closed"].tolist(),
        moments(merged["start"], "s"),
        moments(merged["end"], "s"),
        strict=True,
    )
    return [
        f"{text(process) or 'unknown owner'}<br>{protocol} port {port}, several lives:"
        f" {opened:,} opened, {closed:,} closed<br>from {start}<br>to {end}"
        for process, protocol, port, opened, closed, start, end in lines
    ]


def _edges(lives: pd.DataFrame, name: str) -> Iterator[str]:
    at, earliest = lives[f"{name}_at"], lives[f"{name}_from"]
    seconds: pd.Series[Any] = (at - earliest).dt.total_seconds()
    seen = lives[f"{name}_seen"].tolist()
    unwatched = (at.notna() & ~lives[f"{name}_seen"].isin(["kernel", "poll"])).to_numpy()
    began = iter(moments(earliest[unwatched]))  # formatted only where it is shown
    for missing, how, moment, uncertain, unseen in zip(
        at.isna().tolist(), seen, moments(at), seconds.tolist(), unwatched.tolist(), strict=True
    ):
        before = next(began) if unseen else ""
        if missing:
            yield "open as far as is known"
        elif how == "kernel":
            yield f"{name} {moment}"
        elif how == "poll":
            yield f"{name} {moment} or up to {uncertain:g} s before"
        elif pd.isna(uncertain):
            yield f"{name} before {moment}: nobody watched"
        else:
            yield f"{name} between {before}<br>and {moment}: nobody watched"
