"""The one shape of every error under /api: {"error": {"code", "message", "hint"}}."""

from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from porteye_core.errors import (
    FilterError,
    FleetBusy,
    FleetError,
    FleetRefused,
    PortEyeError,
    StoreError,
    StoreMissing,
    StoreOlder,
    StoreSlow,
)

READ_ONLY = "The API reads by GET; only /api/notes takes POST."
_DOCS = "See api/docs below the address of the dashboard."
_HINTS = {404: _DOCS, 405: READ_ONLY}
_CODES: dict[type[PortEyeError], str] = {
    FleetBusy: "fleet_busy",
    FleetError: "fleet_unreachable",
    FleetRefused: "fleet_refused",
    StoreMissing: "no_database",
    StoreOlder: "older_schema",
    StoreSlow: "question_too_slow",
}


def error_response(status: int, code: str, message: str, hint: str = "") -> JSONResponse:
    """An error as a response."""
    return JSONResponse({"error": {"code": code, "message": message, "hint": hint}}, status)


def install(api: FastAPI) -> None:
    """Give every error of this application the one shape."""
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(PortEyeError, _ours)
    api.add_exception_handler(Exception, _unexpected)


async def _http(request: Request, err: Exception) -> JSONResponse:
    assert isinstance(err, HTTPException)
    phrase = HTTPStatus(err.status_code).phrase
    response = error_response(
        err.status_code,
        phrase.lower().replace(" ", "_"),
        f"{request.method} {request.scope['path']}: {phrase.lower()}.",
        _HINTS.get(err.status_code, ""),
    )
    response.headers.update(err.headers or {})
    return response


async def _invalid(_request: Request, err: Exception) -> JSONResponse:
    assert isinstance(err, RequestValidationError)
    first = err.errors()[0]
    name = str(first["loc"][-1])
    return error_response(422, "invalid_parameter", f"{name}: {first['msg']}.", _DOCS)


async def _ours(_request: Request, err: Exception) -> JSONResponse:
    assert isinstance(err, PortEyeError)
    return response_of(err)


def response_of(err: PortEyeError) -> JSONResponse:
    """An error of PortEye's own as a response."""
    if isinstance(err, FilterError):
        return error_response(422, "invalid_parameter", f"{err.field}: {err.message}", err.hint)
    status = 503 if isinstance(err, (StoreError, FleetError)) else 500
    code = _CODES.get(type(err), "database_unreadable")
    return error_response(status, code, err.message, err.hint)


async def _unexpected(_request: Request, _err: Exception) -> JSONResponse:
    return error_response(
        500, "internal_error", "Something failed inside PortEye.", "Its log says what."
    )
