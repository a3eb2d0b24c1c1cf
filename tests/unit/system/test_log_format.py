"""The log is text."""

import io
import logging

from porteye_core.system.log_format import PlainFormatter

HOSTILE = "a\x1b[31mb\x07\x9b2J\r\nERROR forged\u202e"


def test_a_record_is_one_line_without_control_characters() -> None:
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    handler.setFormatter(PlainFormatter("%(levelname)s %(message)s"))
    record = logging.makeLogRecord({"levelname": "INFO", "msg": "saw %s", "args": (HOSTILE,)})
    handler.handle(record)
    assert output.getvalue() == ("INFO saw a\\x1b[31mb\\x07\\x9b2J\\r\\nERROR forged\\u202e\n")


def test_a_traceback_keeps_its_lines_and_nothing_else() -> None:
    try:
        raise ValueError(HOSTILE)
    except ValueError as err:
        text = PlainFormatter().formatException((ValueError, err, err.__traceback__))
    assert text.count("\n") >= 3
    assert not {"\x1b", "\x07", "\x9b", "\r"} & set(text)
