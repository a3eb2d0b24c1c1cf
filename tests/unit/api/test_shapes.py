"""The API does what its own OpenAPI description says, whatever it is asked."""

from collections.abc import Mapping
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
)
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount

from porteye_core.api import Guesses, HostGuard, TokenGuard, create_api
from porteye_core.config import Config
from porteye_core.guards.access import Access
from porteye_core.store import alerts
from tests.kit.seeding import Instant

FILES = ("history", "ports", "moment", "changes")
PATHS = (
    *("/ports", "/history", "/health", "/verdicts", "/findings", "/notes"),
    *(f"/{name}.{form}" for name in FILES for form in ("csv", "json")),
)
# A filter refuses texts that no schema can tell from good ones, and takes an empty limit.
FINER = [positive_data_acceptance, negative_data_rejection]
TOKEN = "correct-horse-battery-staple"
BOUNDED = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,  # the suite is the same every time
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def served(instant: Instant, access: Access) -> Any:
    guesses = Guesses()
    guards = [Middleware(TokenGuard, access, guesses)] if access.token else []
    api = create_api(Config(db=instant.db), access, guesses)
    app = Starlette(routes=[Mount("/api", api)], middleware=[Middleware(HostGuard), *guards])
    return schemathesis.openapi.from_asgi(
        "/api/openapi.json",
        app,
        headers={"Host": "localhost", "Authorization": f"Bearer {TOKEN}"},
    )


def ask_everything(
    schema: Any,
    path: str,
    mode: GenerationMode,
    method: str = "GET",
    bounded: settings = BOUNDED,
    headers: Mapping[str, str] | None = None,
) -> set[int]:
    """Ask this path in many ways; an answer that is not described fails. Returns the statuses."""
    seen = set()

    @bounded
    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        answer = case.call_and_validate(
            headers={"Host": "localhost", **(headers or {})}, excluded_checks=FINER
        )
        assert answer.status_code < 500
        seen.add(answer.status_code)

    ask()
    return seen


MODES = [
    (path, mode)
    for path in PATHS
    for mode in GenerationMode
    # These take nothing that could be wrong.
    if path not in ("/health", "/notes") or mode is GenerationMode.POSITIVE
]


@pytest.fixture
def seeded(seeded: Instant) -> Instant:
    """A seeded database with expected ports and an alerts database."""
    seeded.db.with_name("expected.toml").write_text("[[expected]]\nport = 80\n")
    with alerts.open_to_write(alerts.beside(seeded.db)):
        return seeded


@pytest.mark.long
@pytest.mark.parametrize(("path", "mode"), MODES)
def test_every_answer_is_one_that_is_described(
    seeded: Instant, path: str, mode: GenerationMode
) -> None:
    assert ask_everything(served(seeded, Access()), path, mode) <= {200, 422}


@pytest.mark.long
@pytest.mark.parametrize("path", PATHS)
def test_without_the_token_every_answer_is_the_same_refusal(seeded: Instant, path: str) -> None:
    schema = served(seeded, Access(TOKEN))
    assert ask_everything(schema, path, GenerationMode.POSITIVE) == {401}


@pytest.mark.long
@pytest.mark.parametrize("mode", GenerationMode)
def test_every_change_is_answered_as_it_is_described(seeded: Instant, mode: GenerationMode) -> None:
    schema = served(seeded, Access(TOKEN))
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    allowed = {200, 400, 404, 409, 413, 415, 422}
    assert ask_everything(schema, "/notes", mode, "POST", headers=bearer) <= allowed


def test_these_are_all_the_paths(seeded: Instant) -> None:
    assert set(served(seeded, Access())) == set(PATHS)
