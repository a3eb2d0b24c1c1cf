"""Format of log lines, without control characters that a terminal would obey."""

import logging
from typing import Any

from porteye_core.system.plain_text import clean


class PlainFormatter(logging.Formatter):
    """Formatter that escapes control characters and line breaks."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Format a line, with control characters and line breaks escaped."""
        return clean(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """Format a traceback, with control characters escaped in each line."""
        return "\n".join(map(clean, super().formatException(ei).split("\n")))
