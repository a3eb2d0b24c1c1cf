"""PortEye's two themes, as its configuration has them."""

import tomllib
from typing import Any, Literal

from tests.kit.service import PROJECT

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
THEMES: dict[str, Any] = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text())[
    "theme"
]


def rgb(color: str) -> str:
    """A color of the configuration, `#0E161E`, as a browser names it."""
    return f"rgb({', '.join(str(int(color[at : at + 2], 16)) for at in (1, 3, 5))})"
