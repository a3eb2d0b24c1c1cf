"""Text from users and systems, as Streamlit's Markdown shows it literally."""

import re

_MARKUP = re.compile(r"[\\`*_{}\[\]()<>#+\-=!|~$&^:@]|(?<=\d)\.")
# What Streamlit replaces after Markdown has taken its backslashes away: icons, emoji, links and
# arrows. Nothing but another character between theirs stops it, and this one has no width.
_LIVE = re.compile(r":(?=[\w+-]|//)|www(?=\.)|@|(?<!\S)[<>~-](?=[=-]|>)", re.IGNORECASE)
_JOINER = "\u2060"


def literal(text: object) -> str:
    """The text on one line, with nothing in it that is markup, a directive, an icon or a link."""
    line = " ".join(str(text).split())
    return _MARKUP.sub(r"\\\g<0>", _LIVE.sub(rf"\g<0>{_JOINER}", line))


def code(text: str) -> str:
    """The text as a code span, whatever backquotes are in it."""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{' '.join(text.split())}{space}{fence}"
