"""The API over many hosts does what its own description says, whatever it is asked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import settings
from schemathesis import GenerationMode
from starlette.applications import Starlette
from starlette.routing import Mount

from porteye_core.api import create_api
from porteye_core.config import Config
from tests.kit.many_hosts import many_hosts
from tests.kit.postgres import needs_postgres
from tests.unit.api.test_shapes import BOUNDED, FILES, ask_everything

pytestmark = needs_postgres

OF_A_FLEET = ("/hosts", "/services", "/exposed", "/first-seen", "/activity")
OVER_HOSTS = (
    *("/ports", "/history"),
    *(f"/{name}.{form}" for name in FILES if name != "changes" for form in ("csv", "json")),
)
OF_ONE_HOST = ("/changes.csv", "/changes.json", "/verdicts", "/findings", "/notes", "/health")
# Each asks a server.
FEWER = settings(BOUNDED, max_examples=25)


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    db: Path = tmp_path_factory.mktemp("alerts") / "porteye.db"
    with many_hosts(lives=20) as (running, _):
        app = Starlette(routes=[Mount("/api", create_api(Config(db, fleet=running.address)))])
        yield schemathesis.openapi.from_asgi("/api/openapi.json", app)


@pytest.mark.long
@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("path", [*OF_A_FLEET, *OVER_HOSTS])
def test_every_answer_is_one_that_is_described(
    schema: Any, path: str, mode: GenerationMode
) -> None:
    if path == "/hosts" and mode is GenerationMode.NEGATIVE:
        pytest.skip("it takes nothing that could be wrong")
    assert ask_everything(schema, path, mode, bounded=FEWER) <= {200, 422}


def test_these_are_all_the_paths(schema: Any) -> None:
    assert set(schema) == {*OF_A_FLEET, *OVER_HOSTS, *OF_ONE_HOST}
