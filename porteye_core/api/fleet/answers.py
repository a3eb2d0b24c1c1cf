"""Answers over many hosts: records at once, or as they are read, with what is not known beside."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from porteye_core import host_patterns
from porteye_core.api.files import HEADERS_ONLY, TYPES, SentPieces
from porteye_core.api.shapes import INVALID, Error
from porteye_core.store.fleet.many_hosts.doubts import NAMED, Doubts
from porteye_core.store.fleet.many_hosts.known_hosts import Known, known_hosts
from porteye_core.store.fleet.many_hosts.reader import FleetReader, open_for_file
from porteye_core.store.reading import Field, Form, file_pieces
from porteye_core.system.clock import timestamp

UNCERTAIN = "Uncertain-Hosts"
KEPT = "Kept-From"
EPHEMERAL = "Ephemeral-Count"
_MEANINGS = {
    UNCERTAIN: "the hosts that may have more than the answer, a dictionary of structured fields"
    ' (RFC 9651) such as `silent=("web1" "web2");more=3`; without it the answer is whole',
    KEPT: "the time before which retention has dropped events, ISO 8601",
    EPHEMERAL: "how many ports from 32768 on no host had before",
    "Link": "the next page, with rel next; not on the last one",
}
_AWAY = "The fleet's server is away, the question took too long, or too many answers are being sent"
# Letters that a string of a structured field may have, and that percent-encoding leaves.
_PLAIN = " !#$&'()*+,-./:;<=>?@[]^_`{|}~"

NO_FIELDS: Mapping[str, Field] = MappingProxyType({})
Batches = Iterator[Sequence[Any]]
Headers = Mapping[str, str]


def streamed(
    request: Request,
    address: str,
    patterns: host_patterns.Patterns,
    ask: Callable[[FleetReader, Known], tuple[Headers, Batches]],
    fields: Mapping[str, Field],
    form: Form = Form.JSON,
    name: str = "",
    more: Mapping[str, Field] = NO_FIELDS,
) -> Response:
    """The answer with records of these fields, which are sent as they are read; name: of a file;
    more: columns at the end of one of CSV.

    Only the first ones are read before the status.
    """
    headers = dict[str, str]()
    if name:
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    pieces = _pieces(
        address, patterns, ask, lambda batches: file_pieces(form, fields, batches, more), headers
    )
    next(pieces)
    if request.scope.get(HEADERS_ONLY):
        pieces.close()
        first = ""
    else:
        first = next(pieces)
    return SentPieces(first, pieces, media_type=TYPES[form], headers=headers)


def _pieces(
    address: str,
    patterns: host_patterns.Patterns,
    ask: Callable[[FleetReader, Known], tuple[Headers, Batches]],
    written: Callable[[Batches], Iterator[str]],
    headers: dict[str, str],
) -> Generator[str]:
    """The pieces; before them an empty one, once `headers` has those of the answer."""
    with open_for_file(address) as reader:
        said, batches = ask(reader, known_hosts(reader, patterns))
        headers.update(said)
        yield ""
        yield from written(batches)


def described(
    success: Mapping[str, Any], *headers: str, more: Mapping[int | str, Any] = MappingProxyType({})
) -> dict[int | str, dict[str, Any]]:
    """Describe an answer with these headers, and what goes wrong; more: further statuses."""
    told = {
        name: {"description": _MEANINGS[name], "schema": {"type": "string"}} for name in headers
    }
    return {
        200: {**success, "headers": told},
        **more,
        **INVALID,
        503: {"model": Error, "description": _AWAY},
    }


def uncertain(of: Doubts) -> Headers:
    """The header that names the hosts of which the answer does not tell what is so.

    A dictionary of structured fields (RFC 9651): of each state a list of names, percent-encoded
    where they are not ASCII, and with the parameter `more` how many it leaves out.
    """
    if not of:
        return {}
    said = []
    for state, hosts_of in of.items():
        names = " ".join(f'"{quote(host.name, safe=_PLAIN)}"' for host in hosts_of[:NAMED])
        more = f";more={len(hosts_of) - NAMED}" if len(hosts_of) > NAMED else ""
        said.append(f"{state.value.replace(' ', '-')}=({names}){more}")
    return {UNCERTAIN: ", ".join(said)}


def kept(reader: FleetReader) -> Headers:
    """The header that tells from when on the fleet has what happened."""
    since = reader.kept_from
    return {KEPT: timestamp(since)} if since else {}
