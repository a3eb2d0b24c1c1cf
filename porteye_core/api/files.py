"""Files to save, sent as they are made."""

from collections.abc import Callable, Generator, Iterator
from typing import Any

from anyio import CancelScope
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from porteye_core.store.database import Database, open_reader
from porteye_core.store.reading import Form, Reader

HEADERS_ONLY = "porteye.headers_only"  # key of an ASGI scope whose answer ends with its headers
TYPES = {Form.CSV: "text/csv; charset=utf-8", Form.JSON: "application/json"}

Export = Callable[[Reader], Iterator[str]]


class SentPieces(StreamingResponse):
    """An answer with the pieces of a generator, which ends with it, also if its client goes away.

    first: the piece that was read while an error could still become a status.
    """

    def __init__(self, first: str, pieces: Generator[str], **options: Any) -> None:
        super().__init__(_after(first, pieces), **options)
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await run_in_threadpool(self._pieces.close)


def file_response(
    request: Request, db: Database, export: Export, name: str, form: Form
) -> Response:
    """Answer with the pieces of an export, of which only the first is made before the status."""
    pieces = _pieces(db, export)
    next(pieces)
    if request.scope.get(HEADERS_ONLY):
        pieces.close()
        first = ""
    else:
        first = next(pieces)
    return SentPieces(
        first,
        pieces,
        media_type=TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def answers(form: Form, shape: Any) -> dict[str, Any]:
    """Describe a file of these records."""
    if form is Form.JSON:
        return {"model": list[shape]}
    return {"content": {"text/csv": {}}, "description": "CSV, with a column for each field"}


def _pieces(db: Database, export: Export) -> Generator[str]:
    """The pieces; before them an empty one, once the database is open."""
    with open_reader(db) as reader:
        yield ""
        yield from export(reader)


def _after(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest
