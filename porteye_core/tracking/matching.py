"""Listeners matched with the sockets of a scan: each with at most one, certain matches first.

Linear in both: one process can have 20,000 sockets at one endpoint.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from porteye_core.model import AttributedSocket, Listener, ProcessKey, SocketAddress

_Key = ProcessKey | None
_Ids = dict[int, None]  # an ordered set


@dataclass(frozen=True, slots=True)
class Matched:
    """Listeners with their sockets, sockets that are no known listener, and listeners without.

    guesses: the ids of recorded listeners that could as well have the socket of a twin; refuted: of
    those that had the numbers of a twin, which they have no more.
    """

    pairs: tuple[tuple[Listener, AttributedSocket], ...]
    strangers: tuple[AttributedSocket, ...]
    missing: tuple[Listener, ...]
    guesses: frozenset[int] = frozenset()
    refuted: frozenset[int] = frozenset()


def match(listeners: Iterable[Listener], seen: Sequence[AttributedSocket]) -> Matched:
    """Match listeners with the sockets that a scan shows.

    The kernel's own numbers, cookie and inode, decide where both sides know them, whoever holds the
    socket now. A listener of which only the opening was announced has no numbers yet: any socket at
    its place can be it, best one of its owner. The owner can be found scans later than the socket:
    it then decides between twins anew. Where a source knows no numbers the owner decides, and the
    descriptor between sockets of one owner. What cannot be told apart counts as the same: only
    evidence may close a listener.
    """
    pairs, left, rest = _by_number(listeners, seen)
    if refuted := _refuted(pairs, left):
        left += [_unnumbered(was) for was, _ in pairs if was.id in refuted]
        rest += [now for was, now in pairs if was.id in refuted]
        pairs = [each for each in pairs if each[0].id not in refuted]
    certain = len(pairs)
    pool = _Pool(left)
    guessed = [was for was, _ in pairs if was.guessed]
    twins = _Twins((*pool.left.values(), *guessed), rest)
    for rule in (
        pool.by_owner,
        pool.by_holder,
        pool.by_place,
        pool.by_guess,
        pool.by_record,
        pool.by_guess_elsewhere,
    ):
        rest = _apply(rule, pool, rest, pairs)
    guesses = frozenset(was.id for was, now in pairs[certain:] if twins.has(was, now))
    return Matched(tuple(pairs), tuple(rest), tuple(pool.left.values()), guesses, refuted)


def _by_number(
    listeners: Iterable[Listener], seen: Iterable[AttributedSocket]
) -> tuple[list[tuple[Listener, AttributedSocket]], list[Listener], list[AttributedSocket]]:
    """Pair listeners and sockets with the same cookie, or inode where one has no cookie; returns
    the pairs, and the listeners and sockets that are left.

    In a steady scan these are all: what else tells them apart is not worth collecting before.
    """
    by_cookie: dict[int, list[Listener]] = {}
    by_inode: dict[int, list[Listener]] = {}
    left: dict[int, Listener] = {}
    for listener in listeners:
        left[listener.id] = listener
        if listener.cookie is not None:
            by_cookie.setdefault(listener.cookie, []).append(listener)
        if listener.inode is not None:
            by_inode.setdefault(listener.inode, []).append(listener)
    pairs: list[tuple[Listener, AttributedSocket]] = []
    rest: list[AttributedSocket] = []
    for owned in seen:
        socket = owned.socket
        # One in each namespace at most.
        same = by_cookie.get(socket.cookie, ()) if socket.cookie is not None else ()
        if not same and socket.inode is not None:
            same = by_inode.get(socket.inode, ())
        found = next((each for each in same if each.id in left and _agree(each, owned)), None)
        if found is None:
            rest.append(owned)
        else:
            del left[found.id]
            pairs.append((found, owned))
    return pairs, list(left.values()), rest


def _refuted(
    pairs: Iterable[tuple[Listener, AttributedSocket]], left: Iterable[Listener]
) -> frozenset[int]:
    """The ids of guessed listeners that may have the socket of a twin: its owner is not theirs, and
    another recorded listener claims it, or theirs has another socket."""
    doubtful = [(was, now) for was, now in pairs if was.guessed and now.key != was.owner]
    owned = {(now.socket.endpoint.socket_address, now.key) for _, now in doubtful if now.key}
    if not owned:
        return frozenset()
    recorded = [each for each in left if each.guessed or is_only_recorded(each)]
    recorded += [was for was, _ in doubtful]
    claimed = owned & {(each.endpoint.socket_address, each.owner) for each in recorded}
    return frozenset(
        was.id
        for was, now in doubtful
        if claimed & {(was.endpoint.socket_address, key) for key in (was.owner, now.key)}
    )


def _unnumbered(listener: Listener) -> Listener:
    """The listener as its record described it, without what a twin's socket showed."""
    nowhere = replace(listener.endpoint, netns=None)
    return replace(listener, endpoint=nowhere, inode=None, cookie=None)


def _apply(
    rule: Callable[[AttributedSocket], Listener | None],
    pool: "_Pool",
    seen: Iterable[AttributedSocket],
    pairs: list[tuple[Listener, AttributedSocket]],
) -> list[AttributedSocket]:
    """Pair what one rule finds; returns the sockets that are left."""
    rest = []
    for owned in seen:
        found = rule(owned)
        if found is None:
            rest.append(owned)
        else:
            pool.take(found)
            pairs.append((found, owned))
    return rest


class _Twins:
    """Recorded listeners without certain numbers, and new sockets, counted by place and owner."""

    def __init__(self, listeners: Iterable[Listener], sockets: Iterable[AttributedSocket]) -> None:
        self._listeners = Counter(
            key
            for each in listeners
            if is_only_recorded(each) or each.guessed
            for key in (each.endpoint.socket_address, (each.endpoint.socket_address, each.owner))
        )
        self._sockets = Counter(
            key
            for each in sockets
            for key in (
                each.socket.endpoint.socket_address,
                (each.socket.endpoint.socket_address, each.key),
            )
        )

    def has(self, listener: Listener, owned: AttributedSocket) -> bool:
        """Tell that nothing but chance chose this socket for the listener."""
        if not (is_only_recorded(listener) or listener.guessed):
            return False
        place = owned.socket.endpoint.socket_address
        key = (place, owned.key) if owned.key == listener.owner else place
        return listener.guessed or self._listeners[key] > 1 or self._sockets[key] > 1


def is_placed(listener: Listener) -> bool:
    """Tell that a scan showed the listener, and certainly this one, in its namespace."""
    return not (listener.guessed or is_only_recorded(listener))


def is_only_recorded(listener: Listener) -> bool:
    """Tell that only a record of the opening describes it, whose namespace is a guess."""
    return bool(listener.skaddr) and listener.inode is None and listener.cookie is None


@dataclass(slots=True)
class _Bucket:
    """Listeners at one place of one namespace, by what may tell them from one another."""

    everyone: _Ids = field(default_factory=dict)
    by_owner: dict[_Key, _Ids] = field(default_factory=dict)
    by_descriptor: dict[tuple[_Key, int | None], _Ids] = field(default_factory=dict)
    by_holder: dict[ProcessKey, _Ids] = field(default_factory=dict)  # beside the owner

    def groups(self, listener: Listener) -> Iterator[_Ids]:
        """The groups that a listener belongs to."""
        yield self.everyone
        yield self.by_owner.setdefault(listener.owner, {})
        yield self.by_descriptor.setdefault((listener.owner, listener.fd), {})
        for holder in listener.holders:
            if holder != listener.owner:
                yield self.by_holder.setdefault(holder, {})


class _Pool:
    """The listeners that are not matched yet."""

    def __init__(self, listeners: Iterable[Listener]) -> None:
        self.left: dict[int, Listener] = {}
        # By place, by namespace, and by the presence of numbers: a socket with numbers is none of
        # the listeners that have others.
        self._buckets: dict[SocketAddress, dict[tuple[int | None, bool], _Bucket]] = defaultdict(
            dict
        )
        self._recorded: dict[tuple[object, ...], _Ids] = defaultdict(dict)
        self._guessed: dict[tuple[object, ...], _Ids] = defaultdict(dict)
        for listener in listeners:
            self.left[listener.id] = listener
            for group in self._groups(listener):
                group[listener.id] = None

    def take(self, listener: Listener) -> None:
        """Take a listener out."""
        del self.left[listener.id]
        for group in self._groups(listener):
            group.pop(listener.id, None)

    def _groups(self, listener: Listener) -> Iterator[_Ids]:
        place, netns = listener.endpoint.socket_address, listener.endpoint.netns
        has_numbers = listener.inode is not None or listener.cookie is not None
        if listener.guessed:
            yield self._guessed[place,]
            yield self._guessed[place, listener.owner]
            yield self._guessed[place, netns]
            yield self._guessed[place, netns, listener.owner]
        if is_only_recorded(listener):
            yield self._recorded[place]
            yield self._recorded[place, listener.owner]
        yield from self._buckets[place].setdefault((netns, has_numbers), _Bucket()).groups(listener)

    def by_owner(self, owned: AttributedSocket) -> Listener | None:
        """A listener at this place of the same owner, by the same descriptor if it is known."""
        for bucket in self._around(owned):
            if found := self._first(bucket.by_descriptor.get((owned.key, owned.socket.fd))):
                return found
            if owned.socket.inode is not None and (
                found := self._first(bucket.by_owner.get(owned.key))
            ):
                return found
        return None

    def by_holder(self, owned: AttributedSocket) -> Listener | None:
        """A listener at this place that was handed on: its owner holds the socket now, or the
        socket's owner held it before."""
        for bucket in self._around(owned):
            others = [holder.key for holder in owned.holders if holder.key != owned.key]
            groups = [bucket.by_owner.get(key) for key in others]
            if owned.key is not None:
                groups.append(bucket.by_holder.get(owned.key))
            if found := next(filter(None, map(self._first, groups)), None):
                return found
        return None

    def by_place(self, owned: AttributedSocket) -> Listener | None:
        """A listener at this place that nothing tells from the socket."""
        for bucket in self._around(owned):
            groups: list[_Ids | None] = [bucket.everyone]
            if owned.socket.inode is None and owned.key is not None:
                groups = [bucket.by_owner.get(None), bucket.by_descriptor.get((owned.key, None))]
                if owned.socket.fd is None:
                    groups.append(bucket.by_owner.get(owned.key))
            if found := next(filter(None, map(self._first, groups)), None):
                return found
        return None

    def by_guess(self, owned: AttributedSocket) -> Listener | None:
        """A listener at this place that was given the numbers of a twin, which has closed."""
        if owned.socket.inode is None:
            return None
        at = owned.socket.endpoint
        keys = ((at.socket_address, at.netns, owned.key), (at.socket_address, at.netns))
        return next(filter(None, (self._first(self._guessed.get(each)) for each in keys)), None)

    def by_guess_elsewhere(self, owned: AttributedSocket) -> Listener | None:
        """A listener that was given the numbers of a twin in another namespace: neither record
        names one."""
        if owned.socket.inode is None:
            return None
        place = owned.socket.endpoint.socket_address
        keys = ((place, owned.key), (place,))
        return next(filter(None, (self._first(self._guessed.get(each)) for each in keys)), None)

    def by_record(self, owned: AttributedSocket) -> Listener | None:
        """A listener that only the record of its opening describes.

        The record names no namespace: the thread's, when it was read, is a guess. For an address
        that is not this machine's own (a broadcast, one of an interface that is down) it has 0.
        """
        if owned.socket.inode is None:
            return None
        place = owned.socket.endpoint.socket_address
        keys = [holder.key for holder in owned.holders]
        groups = (
            *((place, key) for key in keys),
            place,
            *((_unspecified(place), key) for key in keys),
        )
        return next(filter(None, (self._first(self._recorded.get(each)) for each in groups)), None)

    def _around(self, owned: AttributedSocket) -> Iterator[_Bucket]:
        """The buckets in which the socket can be, those of its own namespace first."""
        socket = owned.socket
        buckets, netns = (
            self._buckets.get(socket.endpoint.socket_address, {}),
            socket.endpoint.netns,
        )
        spaces = {each: None for each, _ in buckets} if netns is None else (netns, None)
        for space in spaces:
            for has_numbers in (False, True) if socket.inode is None else (False,):
                if bucket := buckets.get((space, has_numbers)):
                    yield bucket

    def _first(self, ids: _Ids | None) -> Listener | None:
        return self.left[next(iter(ids))] if ids else None


def _unspecified(place: SocketAddress) -> SocketAddress:
    protocol, family, address, port = place
    return protocol, family, "::" if ":" in address else "0.0.0.0", port  # noqa: S104 - compared


def _agree(listener: Listener, owned: AttributedSocket) -> bool:
    """Compare the numbers of a listener and a socket of which one is the same."""
    socket = owned.socket
    if listener.endpoint.socket_address != socket.endpoint.socket_address:
        return False  # a socket that was shut down can listen again, elsewhere
    if _differ(listener.endpoint.netns, socket.endpoint.netns):
        return False
    if listener.cookie is not None and socket.cookie is not None:
        return listener.cookie == socket.cookie
    return not _differ(listener.inode, socket.inode)


def _differ(first: int | None, second: int | None) -> bool:
    return first is not None and second is not None and first != second
