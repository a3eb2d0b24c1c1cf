"""The only writes. What the database does not take waits in memory, and goes in when it can."""

import itertools
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from porteye_core.containers import Container
from porteye_core.errors import (
    StoreDamaged,
    StoreError,
    StoreHeld,
    StoreReplaced,
    StoreUnwritable,
    StoreWalDeleted,
)
from porteye_core.model import (
    AttributedSocket,
    Closing,
    Limitation,
    Listener,
    Opening,
    Sample,
    Tick,
    WatchPlan,
)
from porteye_core.store.file.lock import WriterLock
from porteye_core.store.file.quarantine import set_aside
from porteye_core.store.tables.listener_table import listener_of
from porteye_core.store.writing.recorder import Recorder
from porteye_core.store.writing.write_queue import WriteQueue
from porteye_core.store.writing.write_records import (
    Begun,
    Changed,
    Ended,
    Named,
    Noted,
    Record,
    Sampled,
    SamplingTick,
)
from porteye_core.system.clock import Clock

__all__ = ["Closing", "Opening", "Writer", "listener_of"]

log = logging.getLogger("porteye")

_T = TypeVar("_T")
_RETRY_US = 1_000_000  # between two tries while the database takes no write
_REPLACED = Limitation(
    "replaced",
    "The database was deleted or replaced while it was in use:"
    " what had been seen until then is not in this one.",
)
_WAL_DELETED = Limitation(
    "log_deleted",
    "The log of the database (-wal) or its index (-shm) was deleted or replaced while it was in"
    " use. What was in it is kept.",
)


class Writer:
    """Writes watches, ticks and what changed; what is taken at once is one transaction.

    While the database takes no write, what is recorded waits. A damaged one is set aside, and one
    that was deleted or replaced is left; the writer then opens the file that has the name, or makes
    it, and `is_renewed` until open_listeners() is asked what that one has. If only its log was
    deleted or replaced, the watch goes on.
    """

    booted_at: int
    rebooted: bool

    def __init__(self, lock: WriterLock, opened: Callable[[], Recorder]) -> None:
        """`opened` opens the file of the lock, and makes it if there is none."""
        self._lock = lock
        self._opened = opened
        self._recorder: Recorder | None = None
        self._ids: Iterator[int] = iter(())
        self._queue = WriteQueue()
        self._limits: tuple[Limitation, ...] = ()  # for the next watch
        self._damage: StoreDamaged | None = None
        self._trouble = ""  # why records wait
        self._present: tuple[Limitation, ...] = ()  # limitations in the lock file
        self._since = self._latest = 0  # times of the first record that waits, and of the last
        self._tried: int | None = None  # elapsed
        self.is_renewed = False
        try:
            self._open()
        except StoreDamaged as err:
            self._damage = err
            self._open()

    @property
    def is_full(self) -> bool:
        """True if the monitor should stop scanning until records are stored."""
        return self._queue.is_full

    @property
    def is_wanted(self) -> bool:
        """True if the monitor should end, because another one has asked for the database; not while
        records wait, which would be lost."""
        return not self._trouble and self._lock.is_wanted

    def open_listeners(self, kept: Callable[[Iterable[Listener]], _T]) -> _T:
        """Give the listeners that were open at the last scan to `kept`, and return its result.

        A database in which they cannot be read is set aside, and has none.
        """
        self.is_renewed = False
        if self._recorder is None:
            return kept(())
        try:
            return self._recorder.open_listeners(kept)
        except StoreDamaged as err:
            self._leave(err)
            self._write()
            self.is_renewed = False
            return kept(())

    def begin_watch(self, at: int, plan: WatchPlan) -> None:
        """Start a watch; what is recorded from now on belongs to it."""
        limitations, self._limits = self._limits, ()
        self._record(at, Begun(at, replace(plan, limitations=(*plan.limitations, *limitations))))

    def end_watch(self, at: int) -> None:
        """End the watch cleanly. Raises StoreUnwritable if something is not stored even now."""
        self._queue.add(Ended(at))
        self._write()
        if self._trouble:
            raise StoreUnwritable(
                f"{self._queue.changes} changes could not be stored any more: {self._trouble}"
            )

    def record_changes(
        self,
        at: int,
        opened: Sequence[Opening] = (),
        closed: Sequence[Closing] = (),
        reowned: Sequence[tuple[Listener, AttributedSocket]] = (),
        unseen: Sequence[Listener] = (),
    ) -> tuple[Listener, ...]:
        """Store what one scan changed, with an event for each; returns the opened listeners."""
        numbered = tuple((next(self._ids), opening) for opening in opened)
        self._record(at, Changed(at, numbered, tuple(closed), tuple(reowned), tuple(unseen)))
        return tuple(
            listener_of(listener_id, each.owned, each.at) for listener_id, each in numbered
        )

    def record_placed(self, at: int, placed: Sequence[tuple[int, int]]) -> None:
        """Store the namespaces of listeners, by id, that had none yet."""
        self._record(at, Changed(at, placed=tuple(placed)))

    def record_containers(self, at: int, named: Sequence[Container]) -> None:
        """Store the names of containers, which their processes refer to."""
        self._record(at, Named(tuple(named)))

    def record_tick(self, tick: Tick, samples: Collection[Sample]) -> None:
        """Store one sampling tick, and of samples of what it observed those that moved."""
        self._record(tick.at, SamplingTick(tick, samples))

    def record_samples(self, at: int, samples: Collection[Sample]) -> None:
        """Store more samples of the latest tick, whose time this is."""
        self._record(at, Sampled(at, samples))

    def maintain(self, clock: Clock, *, has_time: bool) -> None:
        """Do what is due between two turns of the monitor; has_time: old records may be dropped."""
        self.retry(clock.elapsed())
        self.measure(clock.now(), clock.elapsed())
        if has_time or self.is_behind:
            self.purge_step(clock.now(), clock.elapsed())

    def retry(self, elapsed: int) -> None:
        """Each second, try to store what waits, and notice files that were deleted or replaced;
        `elapsed`: of the clock that never steps, microseconds."""
        if self._tried is not None and elapsed - self._tried < _RETRY_US:
            return
        self._tried = elapsed
        if self._trouble or len(self._queue) or not self._has_its_names:
            self._write()

    @property
    def _has_its_names(self) -> bool:
        return self._recorder is None or self._recorder.has_its_names

    def purge_step(self, now: int, elapsed: int) -> None:
        """One small step, of a few hundredths of a second, towards keeping no more than is wanted;
        none if nothing is due, or the database takes no write."""
        if self._recorder and not self._trouble:
            try:
                self._recorder.purge_step(now, elapsed)
            except StoreDamaged as err:
                self._leave(err)

    @property
    def is_behind(self) -> bool:
        """True if purge_step() should be called at once: the database grows beyond its size."""
        return self._recorder is not None and not self._trouble and self._recorder.is_behind

    def measure(self, now: int, elapsed: int) -> None:
        """Compare the sizes of the database and its WAL with their maxima; report an excess.

        `elapsed`: of the clock that never steps, microseconds.
        """
        if self._recorder is None or self._trouble:
            return
        try:
            over = self._recorder.measure(now, elapsed)
        except StoreDamaged as err:
            self._leave(err)
            return
        except StoreError:  # the next write meets it, too, and reports it
            return
        if over:
            log.warning("%s", over.text)
            self._record(now, Noted(over))
        self._say_limits()

    def _say_limits(self) -> None:
        limitations = self._recorder.limitations if self._recorder else ()
        if limitations != self._present:
            self._present = limitations
            self._lock.say(self._trouble, limitations)

    def close(self) -> None:
        """Close the file."""
        if self._recorder:
            with self._lock.folder.rights():  # SQLite deletes its log
                self._recorder.close()

    def _record(self, at: int, record: Record) -> None:
        self._latest = max(self._latest, at)
        self._queue.add(record)
        if not self._trouble:
            self._write()

    def _write(self) -> None:
        """Store all that waits, or open the next file, of which nothing that waits is part."""
        try:
            self._lock.keep()
            if self._recorder:
                self._recorder.record(self._queue.records)
                self._recover()
            else:
                self._open()
                self._begin_anew()
        except StoreWalDeleted as err:
            self._go_on(err)
        except (StoreDamaged, StoreReplaced) as err:
            self._leave(err)
        except StoreHeld:
            raise
        except StoreError as err:
            # A mistake in a statement never passes; what cannot be opened may give way to another.
            if self._recorder and not isinstance(err, StoreUnwritable):
                self._queue.clear()
                raise
            self._hold(err)

    def _open(self) -> None:
        with self._lock.folder.rights():
            if self._damage:
                self._limits += (set_aside(self._lock.db, str(self._damage)),)
                self._damage = None
            self._recorder = database = self._opened()
        self.booted_at, self.rebooted = database.booted_at, database.rebooted
        self._ids = itertools.count(database.next_id())

    def _go_on(self, err: StoreWalDeleted) -> None:
        """Open the same file again, whose log was deleted or replaced; what waits goes into it."""
        before, self._recorder = self._recorder, None
        if before is None:
            return
        with self._lock.folder.rights():
            before.close_without_wal()
            try:
                opened = self._opened()
            except StoreDamaged as damage:
                self._leave(damage)
                return
            except StoreUnwritable:
                self._leave(err)
                return
        log.warning("%s What was in it is kept, and the watch goes on.", err)
        opened.go_on_from(before)
        self._recorder = opened
        self._queue.add(Noted(_WAL_DELETED))
        self._tried = None

    def _leave(self, err: StoreDamaged | StoreReplaced) -> None:
        """Leave the file that is open; the next try opens another."""
        log.error("%s %d changes are lost with it.", err, self._queue.changes)
        database, self._recorder = self._recorder, None
        with self._lock.folder.rights():
            if isinstance(err, StoreDamaged):
                self._damage = err
                if database:
                    database.close()
            else:
                self._limits += (_WAL_DELETED if isinstance(err, StoreWalDeleted) else _REPLACED,)
                if database:
                    database.close_nameless()
        self._queue.clear()
        self._tried = None
        self._say(str(err))

    def _hold(self, err: StoreError) -> None:
        if not self._trouble:
            self._since = self._latest
            log.warning("%s Until it can be written, what is seen is kept in memory.", err)
            if self._recorder:
                self._recorder.wait_for_others(patiently=False)
        self._say(str(err))

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._lock.say(trouble, self._present)

    def _recover(self) -> None:
        """All that waited is stored; the watch says that it had to."""
        lost, trouble = self._queue.lost_samples, self._trouble
        self._queue.clear()
        if trouble and self._recorder:
            self._say("")
            self._recorder.wait_for_others(patiently=True)
            limit = _unwritten(self._since, self._latest, lost, trouble)
            log.warning("%s", limit.text)
            self._record(self._latest, Noted(limit))

    def _begin_anew(self) -> None:
        self._queue.clear()
        self._say("")
        self.is_renewed = True
        log.warning("A new watch begins in %s.", self._lock.db)


def _unwritten(since: int, until: int, lost: int, trouble: str) -> Limitation:
    first, last = (
        datetime.fromtimestamp(at / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        for at in (since, until)
    )
    what = f" {lost} samples of that time were too many to keep." if lost else ""
    return Limitation(
        "unwritten",
        f"From {first} to {last} what was seen waited in memory, and was stored then.{what}"
        f" {trouble}",
    )
