"""The way from a receiver to the module that sends by its kind, loaded when it is needed."""

from importlib import import_module

from porteye_core.alerts.receivers.kinds import AnyReceiver, Apprise
from porteye_core.alerts.receivers.message import Message
from porteye_core.alerts.receivers.time_limit import TimeLimit


def limit_of(receiver: AnyReceiver) -> TimeLimit:
    """A new time limit for a try."""
    return TimeLimit(receiver.longest)


def reason_against(receiver: AnyReceiver) -> str:
    """The reason why a receiver can never be used, empty if there is none."""
    if not isinstance(receiver, Apprise):
        return ""
    from porteye_core.alerts.receivers import apprise  # noqa: PLC0415 - for this kind alone

    with limit_of(receiver) as limit:
        return apprise.reason_against(receiver, limit)


def send(receiver: AnyReceiver, message: Message, limit: TimeLimit) -> str:
    """Send a message; returns a remark, empty if there is none. Raises NotSent."""
    module = import_module(f"porteye_core.alerts.receivers.{receiver.kind}")
    remark: str = module.send(receiver, message, limit)
    return remark
