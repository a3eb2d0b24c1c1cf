"""Secrets in command lines, masked before anything is stored.

A secret is known by the name that it is given to, by the client whose flag or argument takes one
(`clients.toml`), by the call it stands in (`calls.toml`), by its place in a URL (`addresses.toml`)
or a header, and by the shape of well-known tokens; a word that looks random is masked, too. A
false mask hides a harmless word; a missed secret shows a password to everybody who may read the
history, so doubt masks.

Anybody may choose the words of a command line, so every pattern takes linear time: a repetition is
possessive and starts only where a run of its characters starts, or it is bounded.
"""

from porteye_core.masking.addresses import MASK
from porteye_core.masking.command_line import mask

__all__ = ["MASK", "mask"]
