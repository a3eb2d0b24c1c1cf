"""Commands: a program gets the JSON of a message on its standard input; status 0 is the yes."""

from porteye_core.alerts.receivers import child
from porteye_core.alerts.receivers.kinds import Command
from porteye_core.alerts.receivers.message import Message
from porteye_core.alerts.receivers.not_sent import NotSent
from porteye_core.alerts.receivers.time_limit import TimeLimit


def send(receiver: Command, message: Message, limit: TimeLimit) -> str:
    """Run the program without a shell; raises NotSent."""
    program = receiver.words[0]
    content = message.json + b"\n"
    try:
        status, _ = child.run(receiver.words, content, limit, child.environment())
    except TimeoutError:
        raise NotSent(f"{program} was ended: it ran for {limit.seconds:g} s.") from None
    except OSError as err:
        raise NotSent(f"{program} cannot be started: {err.strerror}.") from None
    if status < 0:
        raise NotSent(f"{program} was ended by signal {-status}.")
    if status:
        raise NotSent(f"{program} ended with status {status}.")
    return ""
