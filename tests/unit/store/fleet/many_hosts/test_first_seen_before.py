"""What was open before the fleet keeps anything is not new in it, whatever time is asked for."""

import time
from pathlib import Path

import pytest

from porteye_core.model import Precision
from porteye_core.store.fleet.many_hosts.first_seen import new_ports
from porteye_core.store.fleet.many_hosts.reader import open_fleet
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Opening
from tests.kit.fleet import fleet, ship
from tests.kit.postgres import needs_postgres
from tests.kit.seeding import PLAN
from tests.kit.values import HOST, endpoint, owned

pytestmark = needs_postgres

DAY = 86_400_000_000


@pytest.mark.parametrize("all_that_is_kept", [True, False])
def test_a_port_of_before_is_not_new(db: Path, *, all_that_is_kept: bool) -> None:
    now = time.time_ns() // 1000
    opened = {80: now - 50 * DAY, 81: now - DAY}
    with fleet() as running:
        running.ask(f"UPDATE setting SET keep = {20 * DAY}")
        ((kept_from,),) = running.ask("SELECT tidy()")
        with open_writer(db, HOST, now - 60 * DAY) as writer:
            writer.begin_watch(now - 60 * DAY, PLAN)
            for port, at in opened.items():
                writer.record_changes(at, [Opening(owned(endpoint(port)), at, Precision.POLL)])
            ship(db, running.enrol("web1"))
        since = kept_from if all_that_is_kept else now - 300 * DAY
        with open_fleet(running.address) as reader:
            found = new_ports(reader, since)
    assert [(each.port, each.at) for each in found.newest] == [(81, opened[81])]
    assert (found.count, found.ephemeral) == (1, 0)
