"""One scan brought together with what is open: owners found, changes stored, uses observed."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from porteye_core.model import AttributedSocket, Listener, Opening, Scope, Socket
from porteye_core.monitor.recording import Recording, log_changes
from porteye_core.monitor.sampling import Observed
from porteye_core.owners import OwnerFinder
from porteye_core.tracking import Changes, Scan


class Reconciliation:
    """The work on one scan, in steps; between two of them notices may be heard and recorded."""

    def __init__(
        self,
        finder: OwnerFinder,
        recording: Recording,
        scope: Scope,
        scan: Scan,
        *,
        is_first: bool,
        sampling: bool,
    ) -> None:
        """is_first: it is the first scan of the watch; sampling: every listener is sampled, not
        only those that have no sample yet."""
        self._finder = finder
        self._recording = recording
        self._tracker = recording.tracker
        self._scope = scope
        self._scan = scan
        self._is_first = is_first
        self._sampling = sampling
        self._is_final = True  # an equal scan would show nothing else
        self.observed = Observed()

    def steps(self, sockets: Sequence[Socket]) -> Iterator[None]:
        """Do the work, a part of the scan in each step; close() gives the other parts up."""
        try:
            yield from self._steps(sockets)
        finally:
            self._tracker.give_up()

    def _steps(self, sockets: Sequence[Socket]) -> Iterator[None]:
        self._finder.begin(self._scope.scanned)
        comparison = self._tracker.compare(self._scope, self._scan)
        for part in comparison.parts(sockets):
            if part is None:
                yield
                continue
            owned = self._finder.own_part(part.sockets, part.hints, part.upcoming)
            for each in owned:
                self.observed.sum_up(each)
            self._store(comparison.see(part, owned, self._finder.may_hold))
            if self._recording.is_cut:
                return
            yield
        self._store(self._tracker.end(comparison, self._finder.may_hold))
        self._finder.end()
        if not self._is_final:
            self._tracker.forget_scan()
        self._observe_the_rest()

    def _store(self, changes: Changes) -> None:
        recording, at = self._recording, self._scan.at
        learnt = [(is_, now) for was, is_, now in changes.kept if self._is_news(was, is_, now)]
        opened = self._by_openers(changes.opened)
        born = recording.record(at, opened, changes.closed, learnt, changes.unseen)
        log_changes(opened, changes.closed, first=self._is_first)
        for lost in changes.unseen:
            self._tracker.keep(lost)
        for listener, owned in learnt:
            recording.keep(listener, owned)
        for listener, opening in zip(born, opened, strict=False):
            skaddr = opening.kernel_event.skaddr if opening.kernel_event else 0
            recording.keep(replace(listener, skaddr=skaddr), opening.owned)
            self.observed.add(listener.id, opening.owned)
        for was, _, owned in changes.kept:
            if self._sampling or was.id in recording.unsampled:
                self.observed.add(was.id, owned)

    def _is_news(self, was: Listener, listener: Listener, now: AttributedSocket) -> bool:
        """Tell that a scan shows more of a listener, or other descriptions of its holders."""
        return listener is not was or self._tracker.listeners.described(was.id) is not now.holders

    def _by_openers(self, openings: Sequence[Opening]) -> list[Opening]:
        """The openings of a scan, a recorded one by the process that the record names.

        The next scan shows who has the socket now.
        """
        named = self._finder.naming()
        found = []
        for each in openings:
            owner = each.owned.owner
            if each.kernel_event is None or (owner and owner.key.pid == each.kernel_event.pid):
                found.append(each)
                continue
            opener = named.owned(each.kernel_event)
            by_opener = replace(opener, socket=each.owned.socket, user=each.owned.user)
            found.append(replace(each, owned=by_opener))
            self._is_final = False
        return found

    def _observe_the_rest(self) -> None:
        """Observe the listeners that the scan does not show, in namespaces that it left out."""
        listeners, unsampled = self._tracker.listeners, self._recording.unsampled
        if self._sampling:
            if self.observed.count == len(listeners):
                unsampled.clear()
                return
            unsampled |= set(listeners.ids())
        for listener_id in unsampled - self.observed.ids():
            if listener_id in listeners:
                self.observed.add_unseen(listener_id, listeners[listener_id].owner)
        unsampled.clear()
