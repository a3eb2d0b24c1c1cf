"""The part of a monitor that drives the tracker, on a model of a kernel.

It compares what the tracker says with the kernel's own log at every step.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from porteye_core.model import (
    AttributedSocket,
    Closing,
    KernelEvent,
    Listener,
    Opening,
    Precision,
    ProcessKey,
    Scope,
    Snapshot,
    Socket,
)
from porteye_core.tracking import Changes, Comparison, Scan, Tracker
from tests.kit.kernel import OWN, Kernel, KernelSocket

WAYS = ["traced", "polled", "own namespace only"]


@dataclass
class Life:
    """One life that the tracker told of."""

    listener: Listener
    at: int
    opener: ProcessKey | None
    closed_at: int | None = None


@dataclass
class Dump:
    """The sockets of one scan before they are compared."""

    rows: list[Socket]
    scope: Scope
    at: int


@dataclass
class Watch:
    """A monitor's part: it reads a kernel, and does with the tracker what a monitor does.

    finds_late: the owners of a socket are found after the scan that shows it first.
    """

    kernel: Kernel
    way: str
    finds_late: bool = False
    tracker: Tracker = field(default_factory=Tracker)
    lives: list[Life] = field(default_factory=list)
    skipped: set[KernelSocket] = field(default_factory=set)
    dump: Dump | None = None
    work: Iterator[None] | None = None
    has_scanned: bool = False
    changes: int = 0
    _life_of: dict[KernelSocket, int] = field(default_factory=dict)
    _excused: set[KernelSocket] = field(default_factory=set)
    _searched: set[int | None] = field(default_factory=set)  # inodes

    # --- the steps of a monitor

    def scope(self, left_out: int | None, *, everything: bool) -> Scope:
        """The scope of a scan that leaves this namespace out, or all but the own one."""
        own = frozenset((OWN,))
        if self.way == "own namespace only":
            return Scope(own, own, own=OWN)
        if not everything:
            return Scope(own, own=OWN)
        living = self.kernel.namespaces
        return Scope((living - {left_out}) | own, living, complete=True, own=OWN)

    def read(self, scope: Scope, skip: int | None = None) -> None:
        """Dump the sockets of a scope without one of them, but none without it twice running."""
        assert scope.scanned is not None
        shown = [each for each in self.kernel.living if each.endpoint.netns in scope.scanned]
        may_skip = [each for each in shown if each not in self.skipped]
        self.skipped -= set(shown)
        skips = set()
        if skip is not None and may_skip and self.has_scanned:
            skips = {may_skip[skip % len(may_skip)]}
        self.skipped |= skips
        at = self.kernel.tick()
        self.dump = Dump(self.kernel.dump(scope.scanned, skips), scope, at)

    def hear(self) -> None:
        """Read what was announced, after the dump if there is one, and begin to compare that."""
        dump, self.dump = self.dump, None
        began = self.kernel.now
        kernel_events, lost = self.kernel.drain()
        reading = Snapshot(None, kernel_events, lost, began=began)
        if dump:
            reading = Snapshot(dump.rows, kernel_events, lost, dump.scope, dump.at)
        heard = self.tracker.hear(reading)
        for closing in heard.closed:
            self._close(closing)
        for opening, ending in heard.born:
            self._be_born(opening, ending)
        self._check_announced({each.cookie for each in kernel_events})
        if dump:
            scan = Scan(dump.at, Precision.POLL, self.has_scanned, OWN, others_rarely=True)
            self.work = self._compare(dump, scan)
            self.go_on()

    def go_on(self) -> None:
        """Compare the next part of a scan."""
        if self.work and next(self.work, self) is self:
            self.work = None

    def finish(self) -> None:
        """Compare all that is left of a scan."""
        while self.dump:
            self.hear()
        while self.work:
            self.go_on()

    def scan(self, scope: Scope, skip: int | None = None) -> None:
        """Do a whole scan at once."""
        self.finish()
        self.read(scope, skip)
        self.finish()

    def _compare(self, dump: Dump, scan: Scan) -> Iterator[None]:
        compared = self.tracker.compare(dump.scope, scan)
        for part in compared.parts(dump.rows):
            if part is None:
                yield
                continue
            owned = [self._owned(each) for each in part.sockets]
            self._take(compared, compared.see(part, owned, self._may_hold))
            yield
        self._take(compared, self.tracker.end(compared, self._may_hold))
        self.has_scanned = True

    def _owned(self, row: Socket) -> AttributedSocket:
        if self.finds_late and row.inode not in self._searched:
            self._searched.add(row.inode)
            return AttributedSocket(row, None)
        return self.kernel.owned(row)

    def _take(self, compared: Comparison, changes: Changes) -> None:
        for closing in changes.closed:
            self._check_scope(closing.listener, compared.scope)
            self._close(closing)
        for unseen in changes.unseen:
            self._keep(unseen)
        for was, now, owned in changes.kept:
            self._check_kept(was, now, owned)
            self._keep(now, owned)
        for opening in changes.opened:
            self._open(opening)
        self.changes += len(changes.closed) + len(changes.opened) + len(changes.unseen)

    def _may_hold(self, listener: Listener) -> bool:
        if listener.inode is not None:
            return bool(self.kernel.numbered(listener.inode).holders)
        return listener.owner in {each.described.key for each in self.kernel.tasks}

    # --- what the tracker tells, beside what is true

    def _be_born(self, opening: KernelEvent, ending: KernelEvent | None) -> None:
        """Take in an announced life."""
        owned = self.kernel.opener(opening)
        socket = next(each for each in self.kernel.sockets if each.opened_at == opening.at)
        listener = self._begin(owned, opening.at, socket)
        if ending is None:
            listener = replace(listener, skaddr=opening.skaddr)
            self._keep(listener, owned, newborn=True)
        else:
            self._close(Closing(listener, ending.at, Precision.KERNEL))

    def _open(self, opening: Opening) -> None:
        """Take in a life that a scan found."""
        socket = self.kernel.numbered(opening.owned.socket.inode)
        if opening.seen is Precision.KERNEL and not self.kernel.is_blurred(socket.endpoint):
            assert opening.at == socket.opened_at
        listener = self._begin(opening.owned, opening.at, socket)
        skaddr = opening.kernel_event.skaddr if opening.kernel_event else 0
        self._keep(replace(listener, skaddr=skaddr), opening.owned)

    def _begin(self, owned: AttributedSocket, at: int, socket: KernelSocket) -> Listener:
        if not (self.kernel.is_blurred(socket.endpoint) or socket in self._excused):
            assert socket not in self._life_of, "a socket has one life"
        number = self._life_of[socket] = len(self.lives)
        row = owned.socket
        holders = frozenset(each.key for each in owned.holders)
        listener = Listener(
            number, row.endpoint, at, row.inode, None, owned.key, holders, cookie=row.cookie
        )
        self.lives.append(Life(listener, at, owned.key))
        return listener

    def _keep(
        self, listener: Listener, owned: AttributedSocket | None = None, *, newborn: bool = False
    ) -> None:
        assert self.lives[listener.id].closed_at is None, "what has closed stays closed"
        self.tracker.keep(listener, owned.holders if owned else None, newborn=newborn)
        self.lives[listener.id].listener = listener

    def _check_announced(self, cookies: set[int | None]) -> None:
        """An announced closing closes its listener at once, but for a guessed twin."""
        left = [each.listener for each in self.lives if each.closed_at is None]
        assert not [each for each in left if each.inode in cookies - {None} and not each.guessed]

    def _check_kept(self, was: Listener, now: Listener, owned: AttributedSocket) -> None:
        socket = self.kernel.numbered(owned.socket.inode)
        assert now.inode == socket.inode
        assert now.endpoint == socket.endpoint
        assert was.guessed or was.inode in (None, now.inode), "a life is that of one socket"
        if now.guessed or self.kernel.is_blurred(socket.endpoint):
            self._life_of.setdefault(socket, was.id)
        else:
            assert self._life_of[socket] == was.id, "whoever holds it, a socket has one life"

    def _check_scope(self, listener: Listener, scope: Scope) -> None:
        """A scan closes nothing in a namespace that it left out."""
        netns = listener.endpoint.netns
        if listener.inode is not None and scope.scanned is not None:
            assert netns in scope.scanned or scope.living is not None
            assert netns not in scope.left_out

    def _close(self, closing: Closing) -> None:
        life, was = self.lives[closing.listener.id], closing.listener
        assert life.closed_at is None, "a life closes once"
        assert life.at <= closing.at, "no life ends before it began"
        life.closed_at = closing.at
        if was.inode is not None and not was.guessed:
            socket = self.kernel.numbered(was.inode)
            if not self.kernel.is_blurred(was.endpoint):
                assert not socket.is_open, "nothing closes while its socket lives"
                if closing.seen is Precision.KERNEL:
                    assert closing.at == socket.closed_at
        if was.inode is None:
            self._excuse_unreachable(was)
        self.tracker.drop(was)

    def _excuse_unreachable(self, was: Listener) -> None:
        """Let a socket have another life whose opener has ended in a namespace that no process
        lives in: only its record spoke for it."""
        if self._may_hold(was):
            return
        for socket in self._life_of:
            is_twin = (
                socket.endpoint.socket_address == was.endpoint.socket_address and socket.is_open
            )
            if is_twin and socket.endpoint.netns not in self.kernel.namespaces:
                self._excused.add(socket)

    # --- when nothing happens any more

    def check_settled(self) -> None:
        """Assert that exactly the living sockets are open."""
        scope = self.scope(None, everything=True)
        assert scope.living is not None
        living = {each for each in self.kernel.living if each.endpoint.netns in scope.living}
        left = [each.listener for each in self.lives if each.closed_at is None]
        assert {each.id for each in left} == set(self.tracker.listeners.ids())
        shown = [
            each
            for each in left
            if each.unseen_at is None
            and each.inode is not None
            and each.endpoint.netns in scope.living
        ]
        assert Counter(each.inode for each in shown) == Counter(each.inode for each in living)
        for each in left:
            if each not in shown:
                self._check_out_of_reach(each)
        self._check_owners(shown)
        self._check_count()

    def _check_out_of_reach(self, listener: Listener) -> None:
        if self.kernel.is_blurred(listener.endpoint):
            assert self._may_hold(listener)
            return
        numbers = [each for each, number in self._life_of.items() if number == listener.id]
        assert any(each.is_open for each in numbers), "it is where no scan can scan"

    def _check_owners(self, shown: list[Listener]) -> None:
        """Whoever opened a listener has it still where no socket was handed on."""
        handed_on = {each.endpoint.port for each in self.kernel.sockets if each.was_handed_on}
        for each in shown:
            if each.endpoint.port not in handed_on and not self.kernel.is_blurred(each.endpoint):
                opener = self.lives[each.id].opener
                assert opener in (None, each.owner), "a twin's owner is its own"

    def _check_count(self) -> None:
        """As many lives as sockets that were announced or shown, twins included."""
        certain = [each for each in self._life_of if not self.kernel.is_blurred(each.endpoint)]
        assert len({self._life_of[each] for each in certain}) == len(certain)
