"""The JSON API, and the guards in front of it and the page."""

from porteye_core.api.app import create_api
from porteye_core.api.guard import HostGuard, LoopbackOnly
from porteye_core.api.guesses import Guesses
from porteye_core.api.headers import SecurityHeaders, page_policy
from porteye_core.api.paths import BasePath
from porteye_core.api.token import TokenGuard

__all__ = [
    "BasePath",
    "Guesses",
    "HostGuard",
    "LoopbackOnly",
    "SecurityHeaders",
    "TokenGuard",
    "create_api",
    "page_policy",
]
