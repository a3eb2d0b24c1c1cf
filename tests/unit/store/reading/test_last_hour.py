"""The hour before now, told as the lives themselves tell it."""

from pathlib import Path

from benchmarks.seed import seed
from benchmarks.seeding.scale import Scale
from porteye_core.exposure import Bound, exposure
from porteye_core.model import Filters
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading import Reader

NOW = 1_700_000_000_000_000
POINT = 300 * 1_000_000
HOUR = 12 * POINT
LIVES = """
SELECT l.opened_at, coalesce(l.closed_at, 0) AS closed_at, l.address,
    l.netns IS NOT h.netns AS elsewhere
FROM listener l JOIN host h ON h.id = l.host_id
"""


def test_each_five_minutes_have_what_the_lives_say(tmp_path: Path) -> None:
    db = tmp_path / "seeded.db"
    seed(db, Scale(days=1, listeners=30, events=6000, sample_days=0.05), NOW)
    with open_connection(db) as connection:
        reader = Reader(connection, db)
        table = reader.open_now(Filters(), NOW, NOW - 10_000_000)
        found = reader.last_hour(Filters(), table, NOW)
        lives = [tuple(row) for row in connection.execute(LIVES)]
    ends = [NOW - HOUR + POINT * point for point in range(1, 13)]
    reach = [
        [
            not elsewhere and exposure(Bound(address)).is_reachable
            for opened, closed, address, elsewhere in lives
            if opened <= end and not 0 < closed <= end
        ]
        for end in ends
    ]
    assert found.open == [len(each) for each in reach]
    assert found.reachable == [sum(each) for each in reach]
    for counts, edge in ((found.opened, 0), (found.closed, 1)):
        assert counts == [sum(end - POINT < life[edge] <= end for life in lives) for end in ends]
        assert sum(counts) > 10
