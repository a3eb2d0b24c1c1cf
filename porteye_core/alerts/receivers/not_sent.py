"""The error of a message that was not sent."""

from porteye_core.errors import PortEyeError
from porteye_core.system.plain_text import clean

_LONGEST = 200  # characters


class NotSent(PortEyeError):
    """A receiver did not take a message; its sentence has no secret.

    is_final: it never will. wait: seconds for which it asks to be left alone.
    """

    def __init__(self, message: str, *, is_final: bool = False, wait: float = 0) -> None:
        super().__init__(clean(message)[:_LONGEST])
        self.is_final = is_final
        self.wait = wait
