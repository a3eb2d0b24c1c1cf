"""`porteye metrics`: the metrics as text, also as a file for the collector of node_exporter."""

import sys
from argparse import Namespace

from porteye_core.command.exits import CANNOT_SAY, HELD
from porteye_core.command.new_file import write_public
from porteye_core.command.question import Question
from porteye_core.command.screen import Screen, warn
from porteye_core.config import file_path
from porteye_core.errors import StoreError
from porteye_core.metrics.exposition import Form, exposition
from porteye_core.metrics.families import families, families_of_nobody
from porteye_core.metrics.family import MetricFamily
from porteye_core.metrics.limits import MAX_LABEL_SETS, TEXTFILE_LABEL_SETS


def metrics(given: Namespace, question: Question, _: Screen) -> int:
    """Write the metrics; returns the exit status."""
    if given.textfile is None:
        limit = given.limit or MAX_LABEL_SETS
        sys.stdout.write(exposition(families(question.db, question.now, limit), Form.TEXT))
        return HELD
    file = file_path("--textfile", given.textfile)
    found, problem = _families(question, given.limit or TEXTFILE_LABEL_SETS)
    # The collector reads at any time every file that ends in .prom.
    write_public(file, exposition(found, Form.TEXT).encode())
    if problem:
        warn(problem)
        return CANNOT_SAY
    return HELD


def _families(question: Question, limit: int) -> tuple[tuple[MetricFamily, ...], str]:
    """The families, and why the database cannot be read: a file that stayed as it was would tell
    of listeners that nobody sees."""
    try:
        return families(question.db, question.now, limit), ""
    except StoreError as err:
        return families_of_nobody(), str(err)
