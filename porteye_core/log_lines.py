"""Log lines that a terminal shows and does not obey, whatever is in them."""

import logging
from typing import Any

from porteye_core.owner.text import clean


class PlainFormatter(logging.Formatter):
    """A formatter whose lines have no control characters, and whose records begin one line each."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line, control characters and ends of line written out."""
        return clean(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """The traceback, each of its lines as plain."""
        return "\n".join(map(clean, super().formatException(ei).split("\n")))
