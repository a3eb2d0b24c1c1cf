"""The file alerts.toml: times, quiet windows and receivers, found, read and checked.

It has secrets: its text, its values and its errors are shown nowhere but for the names of keys.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from porteye_core.alerts.receiver_blocks import ReceiverBlocks
from porteye_core.alerts.receivers import sending
from porteye_core.alerts.receivers.kinds import AnyReceiver
from porteye_core.alerts.timers import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Flapping,
    Timers,
)
from porteye_core.errors import AlertsError
from porteye_core.store.alerts import EVERY_DAY, Quiet
from porteye_core.toml_files import reading
from porteye_core.toml_files.lines import FileLines
from porteye_core.toml_files.reading import FileKind, shown, text_of

NAME = "alerts.toml"
OF_SYSTEM = Path("/etc/porteye") / NAME
MAX_SIZE = 128_000  # bytes
MAX_RECEIVERS = 50  # a thread each
FILE_KEYS = ("page", "timers", "quiet", "receiver")
QUIET_KEYS = ("daily", "weekly")
# The shortest and the longest time that makes sense.
LENGTHS = {
    "group": (0, HOUR),
    "every": (10 * SECOND, DAY),
    "again": (0, 30 * DAY),
    "boot": (0, HOUR),
    "unwatched": (30 * SECOND, DAY),
    "wider": (0, HOUR),
}
TIMER_KEYS = (*LENGTHS, "digest", "flapping")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
OFF = "off"
_TIME = r"([01]\d|2[0-3]):([0-5]\d)"
_WINDOW = re.compile(rf"{_TIME}-{_TIME}")
_WEEKLY = re.compile(r"(\w{3}(?:[-,]\w{3})*) (\S+)")
_FLAPPING = re.compile(r"(\d{1,3}) in (\d{1,4} ?[smhd])")
_KIND = FileKind(
    AlertsError, "alerts", "docs/alerts.md", MAX_SIZE, "Use fewer receivers.", is_private=True
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Content of the file; repr shows no secret. page: address of the page, which messages name."""

    file: Path
    page: str = ""
    timers: Timers = field(default_factory=Timers)
    quiet: tuple[Quiet, ...] = ()
    receivers: tuple[AnyReceiver, ...] = ()


def find(named: Path | None, db: Path) -> Path:
    """The file that is named, else the first one that is there: beside the database, or that of the
    system. Raises AlertsError."""
    hint = "Write one with a receiver, as docs/alerts.md shows, and close it: chmod 600."
    return reading.find(named, (db.with_name(NAME), OF_SYSTEM), _KIND, hint)


def text(file: Path) -> str:
    """The text of a file; raises AlertsError, also if other users may open it."""
    return text_of(file, _KIND)


def read(file: Path) -> Settings:
    """The settings of a file; raises AlertsError, which names the line."""
    return checked(text(file), file)


def checked(content: str, file: Path) -> Settings:
    """The settings of a text, as `parse` reads them, whose receivers can be used as far as can be
    told without sending: Apprise knows its addresses. Raises AlertsError."""
    found = parse(content, file)
    lines = FileLines(content)
    for number, receiver in enumerate(found.receivers):
        if reason := sending.reason_against(receiver):
            line = lines.of_block("receiver", number)
            raise AlertsError(f"{file}, line {line}: {receiver.name}: {reason}", _KIND.hint)
    return found


def parse(content: str, file: Path) -> Settings:
    """The settings of a text; file: where it stands. Raises AlertsError."""
    found = _Reading(content, file, _KIND)
    found.known("of the file", found.content, FILE_KEYS, 1)
    timers = found.timers(found.table("timers"))
    quiet = tuple(found.quiet(each, at) for at, each in enumerate(found.blocks("quiet")))
    blocks = found.blocks("receiver")
    if len(blocks) > MAX_RECEIVERS:
        line = found.lines.of_block("receiver", MAX_RECEIVERS)
        raise found.wrong_line(line, f"this is receiver {MAX_RECEIVERS + 1}", "Use fewer.")
    return Settings(file, found.page(), timers, quiet, found.receivers(blocks))


class _Reading(ReceiverBlocks):
    """Reads times and quiet windows, beside receivers."""

    def page(self) -> str:
        """The address of the page, empty if the file has none."""
        if "page" not in self.content:
            return ""
        self.url(self.content, ("https", "http"), "https://host.example/", "page")
        return str(self.content["page"])

    def timers(self, table: Mapping[str, Any]) -> Timers:
        """The lengths of waits."""
        self.known("of [timers]", table, TIMER_KEYS, self.lines.of_key("timers"))
        values: dict[str, Any] = {key: self._length(table, key) for key in LENGTHS if key in table}
        if "digest" in table:
            values["digest"] = self._digest(table["digest"])
        if "flapping" in table:
            values["flapping"] = self._flapping(table["flapping"])
        return replace(Timers(), **values)

    def quiet(self, table: Mapping[str, Any], number: int) -> Quiet:
        """A quiet window, which stands behind `number` others."""
        line = self.lines.of_block("quiet", number)
        self.known("of a quiet window", table, QUIET_KEYS, line)
        if len(table) != 1:
            raise self.wrong_line(line, "a quiet window is either daily or weekly", _QUIET_HINT)
        if "daily" in table:
            return self._window("daily", self.string(table, "daily") or "", EVERY_DAY)
        told = self.string(table, "weekly") or ""
        found = _WEEKLY.fullmatch(told)
        days = self._days(found[1]) if found else frozenset[int]()
        if not found or not days:
            raise self.wrong("weekly", f"{shown(told)} is no window of a week", _QUIET_HINT)
        return self._window("weekly", found[2], days)

    def _length(self, table: Mapping[str, Any], key: str) -> int:
        length = self.duration(table, key, 0)
        least, most = LENGTHS[key]
        if not least <= length <= most:
            raise self.wrong(
                key,
                f"{shown(table[key])} is out of range for {key}",
                f"Use {_words(least)} to {_words(most)}.",
            )
        return length

    def _digest(self, value: object) -> int | None:
        found = re.fullmatch(_TIME, value) if isinstance(value, str) else None
        if value == OFF:
            return None
        if not found:
            raise self.wrong(
                "digest",
                f"{shown(value)} is no time of day",
                f'Write digest = "08:00", or "{OFF}".',
            )
        return 60 * int(found[1]) + int(found[2])

    def _flapping(self, value: object) -> tuple[Flapping, ...]:
        return tuple(map(self._bound, value if isinstance(value, list) else [value]))

    def _bound(self, value: object) -> Flapping:
        hint = 'Write flapping = ["3 in 10m", "5 in 24h"].'
        found = _FLAPPING.fullmatch(value) if isinstance(value, str) else None
        if not found:
            raise self.wrong("flapping", f"{shown(value)} is no bound of openings", hint)
        openings, within = int(found[1]), self.duration({"flapping": found[2]}, "flapping", 0)
        if openings < 2 or not MINUTE <= within <= 30 * DAY:
            raise self.wrong(
                "flapping", f"{shown(value)} is out of range", "Use two in a minute and more."
            )
        return Flapping(openings, within)

    def _days(self, told: str) -> frozenset[int]:
        """The days of "Mon-Fri" or "Sat,Sun"; empty if there is something else."""
        days = set[int]()
        for piece in told.split(","):
            first, _, last = piece.partition("-")
            if first not in DAYS or (last or first) not in DAYS:
                return frozenset()
            begin, end = DAYS.index(first), DAYS.index(last or first)
            days.update(day % 7 for day in range(begin, end + 1 + (7 if end < begin else 0)))
        return frozenset(days)

    def _window(self, key: str, told: str, days: frozenset[int]) -> Quiet:
        found = _WINDOW.fullmatch(told)
        if not found or (found[1], found[2]) == (found[3], found[4]):
            raise self.wrong(key, f"{shown(told)} is no window of a day", _QUIET_HINT)
        hours = [int(each) for each in found.groups()]
        return Quiet(60 * hours[0] + hours[1], 60 * hours[2] + hours[3], days)


_QUIET_HINT = 'Write daily = "23:00-07:00" or weekly = "Sun 02:00-04:00".'


def _words(length: int) -> str:
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE)):
        if length and length % size == 0:
            return f"{length // size}{unit}"
    return f"{length // SECOND}s"
