"""What waits in memory until the database takes it: in order, and bounded."""

from dataclasses import replace

from porteye_core.store.batch import Beat, Changed, Record

# A change takes 2 KB with its owner's command line, a beat 0.5 KB, a sample 0.2 KB: 15 MB in all,
# and more than a day of beats.
MOST_CHANGES, MAX_RECORDS, MOST_SAMPLES = 5_000, 10_000, 10_000


class Pending:
    """A queue; of what is too much the oldest samples go first, and are counted."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Nothing waits any more."""
        self._records: list[Record] = []
        self._changes = self._samples = 0
        self._sampled = 0  # where the first beat is that may still have samples
        self.lost_samples = 0

    def __len__(self) -> int:
        return len(self._records)

    @property
    def records(self) -> list[Record]:
        """All that waits, oldest first."""
        return self._records

    @property
    def changes(self) -> int:
        """How many openings, closings and changes of owner wait."""
        return self._changes

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be seen before something is stored."""
        return self._changes >= MOST_CHANGES or len(self._records) >= MAX_RECORDS

    def add(self, record: Record) -> None:
        """Let it wait as the latest."""
        self._records.append(record)
        if isinstance(record, Changed):
            self._changes += len(record)
        elif isinstance(record, Beat):
            self._samples += len(record.samples)
            self._drop_samples()

    def _drop_samples(self) -> None:
        while self._samples > MOST_SAMPLES and self._sampled < len(self._records) - 1:
            record = self._records[self._sampled]
            if isinstance(record, Beat) and record.samples:
                self._samples -= len(record.samples)
                self.lost_samples += len(record.samples)
                self._records[self._sampled] = replace(record, samples=())
            self._sampled += 1
