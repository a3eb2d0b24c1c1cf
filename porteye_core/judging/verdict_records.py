"""Records of verdicts, which the command and the API share; pure."""

from typing import Any

from porteye_core.filters import range_words
from porteye_core.judging.blocks import Block
from porteye_core.judging.moment import JudgedLives
from porteye_core.reach import Exposure
from porteye_core.store.reading import Life


def record(judged: JudgedLives) -> dict[str, Any]:
    """The fields of a verdict. Of what is missing they are those of its block; label, note and link
    are those of a note, else of the block."""
    judgement, block = judged.judgement, judged.judgement.block
    words = judgement.words(judged.note)
    is_known = block is not None or any(words)
    more = {
        "line": block.line if block else None,
        "label": words.label if is_known else None,
        "note": words.text if is_known else None,
        "link": words.link if is_known else None,
    }
    first = judged.lives[0] if judged.lives else None
    said = _of_life(first, judged) if first else _of_block(block)
    return {"verdict": judgement.verdict.value, "why": judgement.why, **said, **more}


def _of_life(life: Life, judged: JudgedLives) -> dict[str, Any]:
    seen = judged.judgement.seen
    exposure = seen.exposure.value if seen else Exposure.UNKNOWN.value
    return {
        "port": life.port,
        "protocol": life.protocol.value,
        "address": ", ".join(dict.fromkeys(each.bound.shown for each in judged.lives)),
        "exposure": exposure,
        "program": life.title,
        "pid": life.pid,
        "user": life.user,
        "unit": life.unit,
        "container": life.container,
        "listeners": [each.id for each in judged.lives],
    }


def _of_block(block: Block | None) -> dict[str, Any]:
    assert block is not None  # what is missing has one
    return {
        "port": ",".join(range_words(*each) for each in block.ports),
        "protocol": block.protocol.value,
        "address": "",
        "exposure": "",
        "program": block.program or block.unit or block.container or "",
        "pid": None,
        "user": block.user or "",
        "unit": block.unit or "",
        "container": block.container or "",
        "listeners": [],
    }
