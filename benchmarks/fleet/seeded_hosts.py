"""A fleet of many hosts, whose rows are made in the server: the same rows in every run.

Each host has its share of the lives and 200 open listeners. Most lives are shorter than an hour,
one in twenty longer than a day. Ports and programs are as uneven as those of real hosts: half of
all events are of twenty ports, and three in ten of ephemeral ones.
"""

from pathlib import Path

import psycopg

OPEN = 200  # listeners of a host
RARE_PORT = 4444  # a single host had it, once
_DAYS = 89
_PROGRAMS = 2_000
_SEED = Path(__file__).with_suffix(".sql")


def seed_hosts(server: psycopg.Connection[tuple[object, ...]], hosts: int, events: int) -> None:
    """Fill an empty fleet with this many hosts and events, two of each life, and its counts."""
    values = {"hosts": hosts, "lives": events // 2, "open": OPEN, "programs": _PROGRAMS}
    statements = _SEED.read_text().format(**values, days=_DAYS, rare=RARE_PORT)
    server.execute(statements.encode())
    server.execute("VACUUM ANALYZE")
