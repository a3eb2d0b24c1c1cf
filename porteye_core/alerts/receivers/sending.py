"""The way from a receiver to the module that sends by its kind, loaded when it is needed."""

from importlib import import_module

from porteye_core.alerts.receivers.kinds import AnyReceiver
from porteye_core.alerts.receivers.message import Message
from porteye_core.alerts.receivers.time_limit import TimeLimit


def limit_of(receiver: AnyReceiver) -> TimeLimit:
    """A new time limit for a try."""
    return TimeLimit(receiver.longest)


def send(receiver: AnyReceiver, message: Message, limit: TimeLimit) -> str:
    """Send a message; returns a remark, empty if there is none. Raises NotSent."""
    module = import_module(f"porteye_core.alerts.receivers.{receiver.kind}")
    remark: str = module.send(receiver, message, limit)
    return remark
