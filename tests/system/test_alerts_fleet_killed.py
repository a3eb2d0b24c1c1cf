"""The alerts process of a fleet is killed again and again while hosts ship: each finding once."""

import json
import random
import signal
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from porteye_core.fleet.service import ship_all
from porteye_core.model import Listener, Precision, Tick
from porteye_core.store.fleet.server import connect
from porteye_core.store.fleet.shipping.shipper import Shipper
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening
from tests.kit.alerts_process import alerts_of_fleet, answers_of, settle
from tests.kit.fleet import fleet
from tests.kit.postgres import needs_postgres
from tests.kit.seeding import PLAN
from tests.kit.sinks import Hook, webhook
from tests.kit.values import HOST, endpoint, owned, process
from tests.kit.waiting import until

pytestmark = needs_postgres

KILLS = 20
NAMES = ("web1", "web2", "db1")
EXPECTED = '[defaults]\nhold = "0s"\n[[expected]]\nport = 22\nhosts = ["db*"]\n'
SETTINGS = """
[timers]
group = "0s"
every = "10s"
again = "0s"
[[receiver]]
name = "hook"
kind = "webhook"
url = "http://127.0.0.1:{port}/alerts"
"""


class Host:
    """A host that opens a port at each turn, and closes every second one at the next."""

    def __init__(self, db: Path, address: str, opened: ExitStack) -> None:
        self._writer = opened.enter_context(open_writer(db, HOST, now()))
        self._writer.begin_watch(now(), PLAN)
        self._shipper = Shipper(db, opened.enter_context(connect(address)))
        self._last: Listener | None = None
        self._port = 10_000

    def turn(self, *, ships: bool) -> int:
        """Open a port; returns it."""
        self._port += 1
        at = now()
        if self._last is not None and self._port % 2:
            gone = Closing(self._last, at, Precision.KERNEL)
            self._writer.record_changes(at, closed=[gone])
        seen = owned(endpoint(self._port), process(self._port))
        (self._last,) = self._writer.record_changes(at, [Opening(seen, at, Precision.KERNEL)])
        if ships:
            self.ship()
        return self._port

    def ship(self) -> None:
        self._writer.record_tick(Tick(now(), now(), 0, 0, 900, 0), [])
        ship_all(self._shipper)


def now() -> int:
    return time.time_ns() // 1000


def told(hook: Hook) -> Counter[tuple[str, int, str]]:
    """How often a beginning or an end of a port of a host is in a message, copies left out."""
    bodies = {body["id"]: body for each in hook.taken for body in [json.loads(each.body)]}
    return Counter(
        (host, finding["port"], finding["phase"])
        for body in bodies.values()
        for finding in body["data"]["findings"]
        if finding["kind"] == "listener"
        for host in finding["hosts"]
    )


def wait_for_more(alerts_db: Path, chance: random.Random) -> None:
    """Wait until one more finding is stored, or for a while."""
    statement = "SELECT count(*) FROM finding"
    before = answers_of(alerts_db, statement)
    until(
        lambda: answers_of(alerts_db, statement) != before or chance.random() < 0.02,
        "something is judged, or a while is over",
    )


def test_each_opening_of_each_host_is_told_once_whenever_the_process_is_killed(
    tmp_path: Path,
) -> None:
    chance = random.Random(7)
    with ExitStack() as opened:
        running = opened.enter_context(fleet())
        running.ask("CREATE ROLE judge LOGIN IN ROLE porteye_reader")
        hook = opened.enter_context(webhook())
        hosts = {}
        for name in NAMES:
            (tmp_path / name).mkdir()
            db = tmp_path / name / "porteye.db"
            hosts[name] = Host(db, running.enrol(name), opened)
            hosts[name].ship()
        settle(tmp_path / "porteye.db", EXPECTED, SETTINGS.format(port=hook.port))
        alerts_db = tmp_path / "porteye-fleet-alerts.db"
        with alerts_of_fleet(running, tmp_path / "porteye.db"):
            begun = "SELECT count(*) FROM cursor WHERE file != ''"
            until(lambda: answers_of(alerts_db, begun) == [(len(NAMES),)], "each host is followed")
        ports = set[tuple[str, int]]()
        for _ in range(KILLS):
            with alerts_of_fleet(running, tmp_path / "porteye.db") as process:
                for name, host in hosts.items():
                    # A host that is cut off for some turns ships late, and then much at once.
                    ports.add((name, host.turn(ships=chance.random() < 0.6)))
                wait_for_more(alerts_db, chance)
                process.send_signal(signal.SIGKILL)
        for host in hosts.values():
            host.ship()
        with alerts_of_fleet(running, tmp_path / "porteye.db"):
            until(lambda: {each[:2] for each in told(hook)} >= ports, "all are told")
        found = answers_of(alerts_db, "SELECT host, port, count(*) FROM finding GROUP BY 1, 2")
        assert {(host, port) for host, port, _ in found} == ports
        assert {count for *_, count in found} == {1}
        assert set(told(hook).values()) == {1}, "each phase is in one message"
