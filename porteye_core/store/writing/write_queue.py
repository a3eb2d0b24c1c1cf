"""Bounded queue of the records that wait for the database."""

from dataclasses import replace

from porteye_core.store.writing.write_records import Changed, Record, Sampled, SamplingTick

# A change takes 2 KB with its owner's command line, a sampling tick 0.5 KB, a sample 0.2 KB: 15 MB
# in all, and more than a day of ticks.
MAX_CHANGES, MAX_RECORDS, MAX_SAMPLES = 5_000, 10_000, 10_000


class WriteQueue:
    """Queue of records in order; above its maximum it drops the oldest samples, and counts them."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Remove all records."""
        self._records: list[Record] = []
        self._changes = self._samples = 0
        self._sampled = 0  # position of the first tick that may still have samples
        self.lost_samples = 0

    def __len__(self) -> int:
        return len(self._records)

    @property
    def records(self) -> list[Record]:
        """Waiting records, oldest first."""
        return self._records

    @property
    def changes(self) -> int:
        """Number of waiting openings, closings and changes of owner."""
        return self._changes

    @property
    def is_full(self) -> bool:
        """True if the monitor should stop scanning until records are stored."""
        return self._changes >= MAX_CHANGES or len(self._records) >= MAX_RECORDS

    def add(self, record: Record) -> None:
        """Append a record."""
        self._records.append(record)
        if isinstance(record, Changed):
            self._changes += len(record)
        elif isinstance(record, SamplingTick | Sampled):
            self._samples += len(record.samples)
            self._drop_samples()

    def _drop_samples(self) -> None:
        while self._samples > MAX_SAMPLES and self._sampled < len(self._records) - 1:
            record = self._records[self._sampled]
            if isinstance(record, SamplingTick | Sampled) and record.samples:
                self._samples -= len(record.samples)
                self.lost_samples += len(record.samples)
                self._records[self._sampled] = replace(record, samples=())
            self._sampled += 1
