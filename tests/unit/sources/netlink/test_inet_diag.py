"""The decoder against answers of a real kernel, whole, cut and spoiled."""

import struct
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from porteye_core.sources.netlink import inet_diag
from porteye_core.sources.netlink.connections import count_by_local
from porteye_core.sources.netlink.inet_diag import AF_INET, AF_INET6, decode, request
from tests.kit.service import PROJECT

pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="captured on a little-endian CPU")

CAPTURES = {path.stem: path.read_bytes() for path in (PROJECT / "tests" / "data").glob("*.bin")}
V4_MAPPED = bytes(10) + b"\xff\xff\x7f\x00\x00\x01"
LOCALHOST = b"\x7f\x00\x00\x01" + bytes(12)


def test_a_listener_has_its_queue_and_backlog() -> None:
    (found,) = decode(CAPTURES["listen4"], 6).sockets
    assert (found.family, found.protocol, found.state) == (AF_INET, 6, 10)
    assert (found.address, found.port, found.remote_port) == ("127.0.0.1", 8004, 0)
    assert (found.queue, found.backlog, found.v6only) == (3, 7, None)
    assert found.inode
    assert found.cookie


def test_an_ipv6_listener_says_whether_it_takes_ipv4_too() -> None:
    found = {(s.address, s.port): s.v6only for s in decode(CAPTURES["listen6"]).sockets}
    assert found == {("::", 8006): False, ("::1", 8066): True}


def test_a_udp_socket_is_read_like_a_listener() -> None:
    (found,) = decode(CAPTURES["udp4"], 17).sockets
    assert (found.protocol, found.state, found.address, found.port) == (17, 7, "0.0.0.0", 8053)


def test_a_destroyed_socket_says_its_protocol_itself() -> None:
    (found,) = decode(CAPTURES["destroyed6"]).sockets
    assert (found.family, found.protocol, found.address, found.port) == (AF_INET6, 6, "::1", 8066)
    (lived,) = (s for s in decode(CAPTURES["listen6"]).sockets if s.port == 8066)
    assert found.cookie == lived.cookie
    assert (found.uid, found.inode) == (0, 0)


def test_the_end_of_a_dump_and_its_error_are_told_apart() -> None:
    refusal = struct.pack("=IHHIIi", 36, 2, 0, 1, 0, -1) + bytes(16)
    without = struct.pack("=IHHII", 16, 2, 0, 1, 0)
    buffers = (CAPTURES["done"], CAPTURES["error"], refusal, without)
    told = [(decoded.done, decoded.error) for decoded in map(decode, buffers)]
    # The capture asked for a protocol that does not exist: ENOENT, in the end itself.
    assert told == [(True, 0), (True, 2), (False, 1), (False, 71)]


def test_an_interrupted_dump_says_so() -> None:
    spoiled = bytearray(CAPTURES["listen6"])
    spoiled[6] |= 0x10
    assert decode(bytes(spoiled)).interrupted
    assert not decode(CAPTURES["listen6"]).interrupted


def test_a_request_asks_for_nothing_but_the_states() -> None:
    asked = request(AF_INET6, 17, 1 << 7, 9)
    assert struct.unpack("=IHHII", asked[:16]) == (72, 20, 0x301, 9, 0)
    assert struct.unpack("=BBBBI", asked[16:24]) == (AF_INET6, 17, 0, 0, 1 << 7)
    assert not any(asked[24:])


@pytest.mark.parametrize("name", ["listen4", "listen6", "destroyed6", "established6"])
def test_a_record_cut_anywhere_is_counted_and_the_ones_before_it_are_kept(name: str) -> None:
    whole = CAPTURES[name]
    stride = struct.unpack_from("=I", whole)[0]
    for size in range(1, len(whole)):
        cut = decode(whole[:size])
        assert len(cut.sockets) == size // stride
        assert cut.malformed == bool(size % stride)


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, 80), (16, 99), (88, 2), (88, 200)],
    ids=["too short for a socket", "no such family", "attribute too short", "attribute too long"],
)
def test_a_spoiled_record_is_left_out_and_counted(at: int, value: int) -> None:
    spoiled = bytearray(CAPTURES["listen4"])
    spoiled[at] = value
    decoded = decode(bytes(spoiled[: value if at == 0 else None]) + CAPTURES["listen6"])
    assert len(decoded.sockets) == 2
    assert decoded.malformed == 1


def test_connections_are_counted_by_local_address() -> None:
    counts = count_by_local([CAPTURES["established4"], CAPTURES["done"], CAPTURES["established6"]])
    assert counts[AF_INET, 8004, LOCALHOST] == 3
    assert counts[AF_INET6, 8006, V4_MAPPED] == 2
    assert counts[AF_INET6, 8006, bytes(15) + b"\x01"] == 1
    assert counts.total() == 12


def test_messages_of_mixed_lengths_are_counted_too() -> None:
    four, end = CAPTURES["established4"], CAPTURES["done"]
    longer = struct.pack("=I", 132) + four[4:124] + struct.pack("=HHI", 8, 99, 0)
    assert count_by_local([longer + four + end]) == count_by_local([four[:124], four])


def _counted_one_by_one(buffer: bytes) -> Counter[tuple[int, str, int]]:
    return Counter((s.family, s.address, s.port) for s in decode(buffer).sockets)


@settings(deadline=None)
@given(st.lists(st.sampled_from(sorted(CAPTURES)), max_size=6))
def test_both_ways_of_counting_agree(names: list[str]) -> None:
    buffer = b"".join(CAPTURES[name] for name in names)
    counts = count_by_local([buffer])
    read = {
        (family, inet_diag.address_text(family, address), port): count
        for (family, port, address), count in counts.items()
    }
    assert read == _counted_one_by_one(buffer)


@settings(deadline=None)
@given(st.binary(max_size=600))
def test_random_bytes_never_raise(noise: bytes) -> None:
    decode(noise)
    count_by_local([noise])


@settings(deadline=None)
@given(
    st.sampled_from(sorted(CAPTURES)),
    st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), max_size=8),
    st.integers(0, 1000),
)
def test_spoiled_captures_never_raise(name: str, changes: list[tuple[int, int]], size: int) -> None:
    spoiled = bytearray(CAPTURES[name])
    for at, value in changes:
        spoiled[at % len(spoiled)] = value
    decode(bytes(spoiled[:size]))
    count_by_local([bytes(spoiled[:size])])
