"""The metrics at /metrics, for Prometheus."""

import gzip
import time
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from porteye_core.accepted import accepts_gzip
from porteye_core.api.app import HeadAsGet
from porteye_core.errors import FleetError, StoreError
from porteye_core.guards import security_headers
from porteye_core.guards.access import Access
from porteye_core.guards.error_response import READ_ONLY, error_response, response_of
from porteye_core.guards.rate_limit import Guesses
from porteye_core.guards.security_headers import SecurityHeaders
from porteye_core.guards.token import TokenGuard
from porteye_core.metrics.exposition import exposition, form_for
from porteye_core.metrics.families import families
from porteye_core.metrics.family import MetricFamily

_LEVEL = 1  # 6 takes twice as long and saves a quarter, of some kilobytes


def create_metrics(
    db: Path, access: Access | None = None, guesses: Guesses | None = None, fleet: str = ""
) -> ASGIApp:
    """The application to route at /metrics, by itself as guarded as `access` says; fleet: the
    address of the server of a fleet, whose hosts it tells of instead of this machine."""
    app: ASGIApp = HeadAsGet(_Metrics(db, fleet))
    if access and access.is_guarded:
        app = TokenGuard(app, access, guesses or Guesses())
    return SecurityHeaders(app, security_headers.API)


class _Metrics:
    """ASGI application that answers GET."""

    def __init__(self, db: Path, fleet: str) -> None:
        self._db, self._fleet = db, fleet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the metrics of this moment, with 405, or with 503."""
        request = Request(scope)
        if request.method == "GET":
            response = await run_in_threadpool(self._answer, request)
        else:
            message = f"{request.method} {scope['path']}: method not allowed."
            response = error_response(405, "method_not_allowed", message, READ_ONLY)
            response.headers["Allow"] = "GET, HEAD"
        await response(scope, receive, send)

    def _families(self) -> tuple[MetricFamily, ...]:
        if not self._fleet:
            return families(self._db, time.time_ns() // 1000)
        from porteye_core.metrics.fleet import fleet_families  # noqa: PLC0415 - needs psycopg

        return fleet_families(self._fleet)

    def _answer(self, request: Request) -> Response:
        form = form_for(request.headers.get("accept", ""))
        try:
            found = self._families()
        except (StoreError, FleetError) as err:
            return response_of(err)
        body = exposition(found, form).encode()
        headers = {"Vary": "Accept, Accept-Encoding"}
        if accepts_gzip(request.headers.get("accept-encoding", "")):
            body = gzip.compress(body, _LEVEL, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return Response(body, headers=headers, media_type=form.value)
