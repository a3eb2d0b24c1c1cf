"""What the monitor says of itself, of this process."""

import sys
import time
from pathlib import Path

import psutil
import pytest

from porteye_core.monitor.own_usage import FootprintMeter
from porteye_core.store.writing.writer import Writer


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


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from a file on Linux alone")
def test_memory_that_cannot_be_read_for_want_of_descriptors_is_not_known(db: Path) -> None:
    import resource  # noqa: PLC0415 - Windows has none

    meter = FootprintMeter(db)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        found = meter.measure()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert found.rss is None
    assert found.cpu is not None
