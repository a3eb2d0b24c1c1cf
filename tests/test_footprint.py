"""What the monitor says of itself, of this process."""

import time
from pathlib import Path

import psutil

from porteye_core.footprint import FootprintMeter
from porteye_core.store.writer import Writer


def busy(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_processor_time_counts_from_the_measurement_before(db: Path) -> None:
    meter = FootprintMeter(db)
    busy(0.2)
    worked = meter.measure().cpu
    time.sleep(0.2)
    rested = meter.measure().cpu
    assert worked is not None
    assert rested is not None
    assert rested < worked


def test_memory_is_that_of_this_process(db: Path) -> None:
    rss = FootprintMeter(db).measure().rss
    assert rss is not None
    assert abs(rss - psutil.Process().memory_info().rss) < 32_000_000


def test_the_size_is_that_of_the_database_with_its_log(db: Path, writer: Writer) -> None:
    log = db.with_name(db.name + "-wal")
    assert log.stat().st_size > 0
    assert FootprintMeter(db).measure().size == db.stat().st_size + log.stat().st_size


def test_a_database_without_a_log_is_as_large_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    assert FootprintMeter(file).measure().size is None
    file.write_bytes(b"12345")
    assert FootprintMeter(file).measure().size == 5
