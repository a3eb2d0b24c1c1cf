"""The route of findings: what the alerts process found, and what it told."""

from typing import Annotated, Any

from fastapi import FastAPI, Query
from pydantic import BeforeValidator, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from porteye_core import filters
from porteye_core.api import shapes
from porteye_core.api.asked_database import OfHost
from porteye_core.api.parameters import Before, RowLimit
from porteye_core.config import Config
from porteye_core.errors import FilterError, StoreMissing
from porteye_core.judging.verdicts import Verdict
from porteye_core.store import alerts
from porteye_core.store.alerts import Finding
from porteye_core.system.clock import timestamp

_SINCE = Query(description="true after this time, ISO 8601 with offset")
_UNTIL = Query(description="true before this time, ISO 8601 with offset")
_VERDICT = Query(description=f"any of these, with commas: {', '.join(Verdict)}")
_Open = Annotated[
    bool | None,
    Field(),
    BeforeValidator(lambda value: None if value == "" else value),
    Query(description="true: only what is still so; false: only what is over"),
]
_TIMES = ("at", "found_at", "ended_at", "told_at", "end_told_at")
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": list[shapes.FindingRecord]},
    **shapes.INVALID,
}


def add(api: FastAPI, config: Config) -> None:
    """Add the route to the API."""

    @api.get("/findings", responses=_ANSWERS)
    def findings(
        request: Request,
        of: OfHost,
        since: Annotated[str, _SINCE] = "",
        until: Annotated[str, _UNTIL] = "",
        verdict: Annotated[str, _VERDICT] = "",
        open: _Open = None,  # noqa: A002 - the name in the address
        limit: RowLimit = 100,
        before: Before = None,
    ) -> Response:
        """The findings, the newest first. Where there may be more, the header Link names the next
        page, whose rel is next."""
        wanted = alerts.Wanted(
            filters.time("since", since),
            filters.time("until", until),
            _verdicts(verdict),
            is_open=open,
            host=of.name if of else "",
        )
        try:
            with alerts.open_to_read(config.alerts_file) as connection:
                found = alerts.wanted_findings(connection, wanted, limit, before)
        except StoreMissing:
            return JSONResponse([])
        response = JSONResponse([_record(each) for each in found])
        if len(found) == limit:
            older = request.url.include_query_params(before=found[-1].id)
            response.headers["Link"] = f'<?{older.query}>; rel="next"'
        return response


def _verdicts(text: str) -> tuple[str, ...]:
    """The verdicts of a text. Raises FilterError."""
    words = tuple(word for part in text.split(",") if (word := part.strip().lower()))
    for word in words:
        if word not in set(Verdict):
            wrong = f"“{word[:40]}” is no verdict."
            raise FilterError("verdict", wrong, f"Use {', '.join(Verdict)}.")
    return words


def _record(finding: Finding) -> dict[str, Any]:
    fields = {name: getattr(finding, name) for name in Finding.__slots__}
    fields["listener"] = fields.pop("listener_id")
    times = {
        name: None if (at := getattr(finding, name)) is None else timestamp(at) for name in _TIMES
    }
    return {**fields, **times}
