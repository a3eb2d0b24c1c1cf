"""The answers to a lookup: the listeners of each thing that a text can mean."""

from collections.abc import Iterator
from dataclasses import dataclass

from porteye_core.filters import range_words
from porteye_core.pasted_text import Meaning
from porteye_core.store.reading.listener import Life
from porteye_core.store.reading.row_reader import RowReader


@dataclass(frozen=True, slots=True)
class Answer:
    """The lives that were found; nothing: the sentence that nothing of the kind listens."""

    nothing: str
    lives: list[Life]

    @property
    def is_open(self) -> bool:
        """True if a listener that was found is open."""
        return any(life.closed_at is None for life in self.lives)


def answers(reader: RowReader, asked: Meaning, limit: int) -> Iterator[Answer]:
    """Find each thing that a text can mean, at most `limit` listeners of each: a number is a port
    and a pid."""
    if asked.ports:
        ports = ", ".join(range_words(*each) for each in asked.ports[:limit])
        of = f" over {asked.protocol.upper()}" if asked.protocol else ""
        found = reader.on_ports(asked.ports, asked.protocol, limit)
        yield Answer(f"Nothing listens on {ports}{of}", found)
    if asked.pid is not None:
        found = reader.of_pid(asked.pid, limit)
        yield Answer(f"No process {asked.pid} listens", found)
    if asked.user:
        found = reader.of_user(asked.user, limit)
        yield Answer(f"Nothing of user {asked.user} listens", found)
    if asked.home:
        found = reader.of_home(asked.home, limit)
        yield Answer(f"Nothing in {asked.home} listens", found)
    if asked.address:
        found = reader.on_address(asked.address, limit)
        yield Answer(f"Nothing listens on {asked.address}", found)
    if asked.name:
        found = reader.of_name(asked.name, limit)
        found = found or reader.of_home(asked.name, limit)
        yield Answer(f"No program “{asked.name}” listens", found)
