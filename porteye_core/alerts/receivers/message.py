"""Messages as receivers get them: a body whose texts are safe in any header, field and line."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from porteye_core.system.plain_text import clean

MAX_TEXT = 200  # characters
_MAX_URL = 1000
_MAX_FINDINGS = 200


@dataclass(frozen=True, slots=True)
class Message:
    """A message: its id, which stays the same at each try, and its body (docs/alerts.md)."""

    id: str
    body: Mapping[str, Any]

    @classmethod
    def of(cls, message_id: str, text: str) -> Self:
        """The message of its JSON. Raises ValueError if that is none."""
        body = json.loads(text)
        if not isinstance(body, dict) or not isinstance(body.get("data"), dict):
            raise ValueError("no body of a message")  # noqa: TRY004 - as json.loads raises it
        return cls(message_id, _safe(body))

    @property
    def json(self) -> bytes:
        """The body as JSON in ASCII: the same bytes at each try."""
        return json.dumps(self.body, separators=(",", ":")).encode("ascii")

    @property
    def title(self) -> str:
        """One line."""
        return str(self.body["data"].get("title", ""))

    @property
    def kind(self) -> str:
        """Findings, digest or test."""
        return str(self.body.get("type", "")).removeprefix("porteye.")

    @property
    def url(self) -> str:
        """Address of the page, empty if it is not known."""
        return str(self.body["data"].get("url") or "")

    @property
    def host(self) -> str:
        """Name of the machine that it tells of."""
        return str(self.body["data"].get("host", ""))

    @property
    def more(self) -> int:
        """Number of findings that are left out."""
        return int(self.body["data"].get("more") or 0)

    @property
    def findings(self) -> Sequence[Mapping[str, Any]]:
        """The findings, the gravest first."""
        found = self.body["data"].get("findings", [])
        return [each for each in found if isinstance(each, dict)][:_MAX_FINDINGS]


def safe_text(text: str, most: int = MAX_TEXT) -> str:
    r"""One line without control characters and marks of direction, cut with an ellipsis.

    >>> safe_text("a\r\nBcc: b")
    'a\\r\\nBcc: b'
    """
    one = clean(text)
    return one if len(one) <= most else f"{one[: most - 1]}…"


def _safe(value: Any, key: str = "") -> Any:
    if isinstance(value, str):
        return safe_text(value, _MAX_URL if key in {"url", "key"} else MAX_TEXT)
    if isinstance(value, dict):
        return {safe_text(name): _safe(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [_safe(each) for each in value]
    return value
