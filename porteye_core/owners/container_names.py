"""Names of containers, looked up once for each: in the system's files at once, in a user's files
and by a runtime's socket in threads, because a file system or runtime may hang."""

import logging
import queue
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from porteye_core.containers import Container

_T = TypeVar("_T")

log = logging.getLogger("porteye")

# Containers that are remembered, that wait for a thread, and whose names wait to be taken.
_MOST = 1024
# Seconds after which a runtime that gave no answer is asked again.
_FIRST_PAUSE, _LONGEST_PAUSE = 60.0, 3600.0
_DOCKER = "docker"


class NoAnswerError(Exception):
    """The runtime gave no usable answer, for the reason in the message."""


class Files(Protocol):
    """Reader of names in files."""

    def read(self, container: Container) -> Container | None:
        """The container with its names; None if no file has any."""
        ...


class Runtime(Protocol):
    """Runtime that tells names."""

    most_asked: int

    def is_of(self, uid: int) -> bool:
        """Tell that this user runs it."""
        ...

    def names(self, containers: Sequence[Container]) -> list[Container]:
        """Those of these containers that it knows, at most `most_asked` of them.

        Raises NoAnswerError.
        """
        ...


class ContainerNames:
    """Names of the containers that were seen; each is told once."""

    def __init__(
        self,
        system: Files,
        of_user: Callable[[int], Files | None],
        runtime: Runtime | None = None,
    ) -> None:
        """system: the system's files; of_user: those of the user with this uid."""
        self._system = system
        self._found: deque[Container] = deque(maxlen=_MOST)
        self._users = _UsersFiles(of_user, self._found)
        self._runtime = None if runtime is None else _Asking(runtime, self._found)
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def see(self, text: str, uid: int | None) -> None:
        """Look up the names of a process's container, unless it is remembered; uid: the user in
        whose slice it runs."""
        container = Container.of(text)
        key = container.runtime, container.runtime_id
        if key in self._seen:
            self._seen.move_to_end(key)
            return
        self._seen[key] = None
        if len(self._seen) > _MOST:
            self._seen.popitem(last=False)
        if container.container_name:  # its id is its name
            return
        found = None
        if uid:
            # Users can give cgroups of theirs any name: they borrow none of root's containers.
            self._users.put((container, uid))
        elif found := self._system.read(container):
            self._found.append(found)
        # Docker's file tells all that its API does; other files lack the project and the ports.
        is_whole = found is not None and found.runtime == _DOCKER
        if self._runtime is not None and not is_whole and self._runtime.may_know(uid):
            self._runtime.put(container)

    def take(self) -> list[Container]:
        """The names that became known since the last call."""
        return [self._found.popleft() for _ in range(len(self._found))]

    @property
    def is_looking(self) -> bool:
        """Tell that a thread is looking names up."""
        return self._users.is_busy or (self._runtime is not None and self._runtime.is_busy)


class _Worker(ABC, Generic[_T]):
    """Queue that a thread of its own works off; the thread starts with the first that is put."""

    def __init__(self, name: str) -> None:
        self._wanted: queue.Queue[_T] = queue.Queue(_MOST)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def put(self, wanted: _T) -> None:
        """Work this off; not if too many wait."""
        with suppress(queue.Full):  # what comes beyond keeps its id
            self._wanted.put_nowait(wanted)
        if self._thread.ident is None:
            self._thread.start()

    @property
    def is_busy(self) -> bool:
        """Tell that something waits or is worked on."""
        return self._wanted.unfinished_tasks > 0

    @abstractmethod
    def _run(self) -> None:
        """Work the queue off, for ever."""


class _UsersFiles(_Worker[tuple[Container, int]]):
    """Thread that reads the files of users; a file system of theirs may hang."""

    def __init__(self, of_user: Callable[[int], Files | None], found: deque[Container]) -> None:
        super().__init__("users")
        self._of_user, self._found = of_user, found

    def _run(self) -> None:
        while True:
            container, uid = self._wanted.get()
            files = self._of_user(uid)
            found = None if files is None else files.read(container)
            if found is not None:
                self._found.append(found)
            self._wanted.task_done()


class _Asking(_Worker[Container]):
    """Thread that asks a runtime; containers for which it gave no answer are asked for again."""

    def __init__(self, runtime: Runtime, found: deque[Container]) -> None:
        super().__init__("runtime")
        self._runtime, self._found = runtime, found
        self._unanswered: list[Container] = []
        self._pause = _FIRST_PAUSE
        self._said = ""

    def may_know(self, uid: int | None) -> bool:
        """Tell that the runtime may have containers of this user: root's has none of others."""
        return not uid or self._runtime.is_of(uid)

    def _run(self) -> None:
        while True:
            wanted = self._next()
            self._ask([*self._unanswered, *wanted][-_MOST:])
            for _ in wanted:
                self._wanted.task_done()

    def _next(self) -> list[Container]:
        """Wait for containers, or for the time at which those without an answer are due."""
        try:
            wanted = [self._wanted.get(timeout=self._pause if self._unanswered else None)]
        except queue.Empty:
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            return []
        while not self._wanted.empty():  # no other thread takes any
            wanted.append(self._wanted.get())
        return wanted

    def _ask(self, left: list[Container]) -> None:
        most = self._runtime.most_asked
        while left:
            try:
                self._found.extend(self._runtime.names(left[:most]))
            except NoAnswerError as err:
                self._say(str(err))
                break
            left = left[most:]
            self._said, self._pause = "", _FIRST_PAUSE
        self._unanswered = left

    def _say(self, trouble: str) -> None:
        if trouble != self._said:
            self._said = trouble
            log.warning(
                "%s Until it answers, the containers that no file names keep their ids.", trouble
            )
