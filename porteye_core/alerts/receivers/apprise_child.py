"""Child process that loads Apprise, sends one message, and answers in one word.

Its input is JSON: the address, and title, body and type of a message, or none of them to check the
address alone.
"""

import json
import logging
import sys


def main() -> int:
    """Send what standard input says; returns 0 if it was sent, or the address is known."""
    asked = json.load(sys.stdin)
    logging.disable()  # Apprise logs addresses
    try:
        from apprise import Apprise  # noqa: PLC0415 - it may not be installed
    except ImportError:
        return _answer("absent")
    sender = Apprise()
    if not sender.add(asked["url"]):
        return _answer("unknown")
    if "body" not in asked:
        return _answer("sent")
    is_sent = sender.notify(
        title=asked["title"], body=asked["body"], notify_type=asked["type"], body_format="text"
    )
    return _answer("sent" if is_sent else "refused")


def _answer(word: str) -> int:
    sys.__stdout__.write(word + "\n") if sys.__stdout__ else None
    return 0 if word == "sent" else 1


if __name__ == "__main__":
    sys.exit(main())
