"""The JSON API, the metrics, and the guards in front of them and the page."""

from porteye_core.api.app import create_api
from porteye_core.api.metrics import create_metrics
from porteye_core.guards.base_path import BasePath
from porteye_core.guards.host import HostGuard, LoopbackOnly
from porteye_core.guards.rate_limit import Guesses
from porteye_core.guards.security_headers import SecurityHeaders, page_policy
from porteye_core.guards.token import TokenGuard

__all__ = [
    "BasePath",
    "Guesses",
    "HostGuard",
    "LoopbackOnly",
    "SecurityHeaders",
    "TokenGuard",
    "create_api",
    "create_metrics",
    "page_policy",
]
