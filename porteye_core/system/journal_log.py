"""The log in systemd's journal, with fields beside each message."""

import logging
import sys
from collections.abc import Mapping

from porteye_core.system.journal import Journal, is_journal
from porteye_core.system.log_format import PlainFormatter

# syslog(3) counts the gravest as 0.
_PRIORITIES = (
    (logging.CRITICAL, "2"),
    (logging.ERROR, "3"),
    (logging.WARNING, "4"),
    (logging.INFO, "6"),
)
_DEBUG = "7"


def with_fields(**fields: object) -> dict[str, dict[str, str]]:
    """The `extra` of a log call: fields of the journal, without those that are not known.

    >>> with_fields(pid=None)
    {'journal_fields': {}}
    """
    known = {name: value for name, value in fields.items() if value is not None and value != ""}
    return {
        "journal_fields": {f"PORTEYE_{name.upper()}": f"{value}" for name, value in known.items()}
    }


class JournalHandler(logging.Handler):
    """Sends records to the journal, and to `plain` what the journal does not take."""

    def __init__(self, journal: Journal, plain: logging.Handler) -> None:
        super().__init__()
        self._journal, self._plain = journal, plain
        self.setFormatter(PlainFormatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record."""
        try:
            self._journal.send(self._fields(record))
        except OSError:
            self._plain.emit(record)

    def _fields(self, record: logging.LogRecord) -> Mapping[str, str]:
        priority = next((to for level, to in _PRIORITIES if record.levelno >= level), _DEBUG)
        return {
            "MESSAGE": self.format(record),
            "PRIORITY": priority,
            "SYSLOG_IDENTIFIER": "porteye",
            **getattr(record, "journal_fields", {}),
        }


def log_to_stderr() -> None:
    """Let this process log to its standard error, with fields if that is the journal."""
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainFormatter("%(asctime)s %(levelname)s %(message)s"))
    if is_journal(2):
        handler = JournalHandler(Journal(), handler)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
