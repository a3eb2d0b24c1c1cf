"""Verdicts on listeners and on what is missing, against an oracle that tries every possibility."""

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porteye_core.judging.blocks import SECOND, Block, Defaults, Ephemeral, Expected
from porteye_core.judging.seen import REACHES, Seen
from porteye_core.judging.verdicts import Before, Verdict, judge, missing
from porteye_core.model import Protocol
from porteye_core.reach import Exposure

SSH = Block(((22, 22),), reach=Exposure.EVERYWHERE, unit="ssh.service", always=True, line=3)
POSTGRES = Block(((5432, 5432),), program="postgres", user="postgres", line=9)
EXPECTED = Expected(Path("expected.toml"), Defaults(), (SSH, POSTGRES))
SSHD = Seen(Protocol.TCP, 22, Exposure.EVERYWHERE, "sshd", "ssh.service", user="root")
DATABASE = Seen(Protocol.TCP, 5432, Exposure.MACHINE, "postgres", user="postgres")


def verdict(seen: Seen, expected: Expected = EXPECTED) -> Verdict:
    return judge(seen, expected).verdict


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (SSHD, Verdict.EXPECTED),
        (replace(SSHD, exposure=Exposure.MACHINE), Verdict.EXPECTED),
        (replace(SSHD, exposure=Exposure.IPV6), Verdict.EXPECTED),
        (replace(SSHD, exposure=Exposure.UNKNOWN), Verdict.EXPECTED),
        (replace(SSHD, port=2222), Verdict.NEW),
        (replace(SSHD, protocol=Protocol.UDP), Verdict.NEW),
        (replace(SSHD, unit="evil.service"), Verdict.OWNER),
        (replace(SSHD, unit=""), Verdict.OWNER),
        (replace(SSHD, hidden="needs root"), Verdict.UNKNOWN),
        (DATABASE, Verdict.EXPECTED),
        (replace(DATABASE, exposure=Exposure.EVERYWHERE), Verdict.WIDER),
        (replace(DATABASE, exposure=Exposure.CONTAINERS), Verdict.WIDER),
        (replace(DATABASE, exposure=Exposure.UNKNOWN), Verdict.UNKNOWN),
        (replace(DATABASE, user="nobody"), Verdict.OWNER),
        (replace(DATABASE, exposure=Exposure.EVERYWHERE, user="nobody"), Verdict.OWNER),
        # Whoever holds it: no block of this port allows that reach.
        (replace(DATABASE, exposure=Exposure.EVERYWHERE, hidden="needs root"), Verdict.WIDER),
        (replace(SSHD, port=2222, lasted=29 * SECOND), Verdict.BRIEF),
        (replace(SSHD, port=2222, lasted=30 * SECOND), Verdict.NEW),
        (replace(SSHD, unit="evil.service", lasted=1), Verdict.OWNER),
        (replace(SSHD, port=2222, doubt="may have closed already"), Verdict.UNKNOWN),
        (replace(SSHD, doubt="may have closed already"), Verdict.EXPECTED),
    ],
)
def test_a_listener_gets_its_verdict(seen: Seen, found: Verdict) -> None:
    assert verdict(seen) is found


def test_the_reason_names_the_line_and_what_it_expects() -> None:
    wide = judge(replace(DATABASE, exposure=Exposure.NETWORK), EXPECTED)
    assert wide.why == "line 9 expects it from this machine only"
    other = judge(replace(DATABASE, program="nc"), EXPECTED)
    assert (other.why, other.block) == ("line 9 expects postgres, user postgres", POSTGRES)
    assert judge(replace(SSHD, hidden="needs root"), EXPECTED).why == "owner hidden: needs root"


@pytest.mark.parametrize(
    ("ephemeral", "local", "wide"),
    [
        (Ephemeral.IGNORE_LOOPBACK, Verdict.EXPECTED, Verdict.NEW),
        (Ephemeral.TELL, Verdict.NEW, Verdict.NEW),
        (Ephemeral.IGNORE, Verdict.EXPECTED, Verdict.EXPECTED),
    ],
)
def test_an_ephemeral_port_is_expected_as_the_file_says(
    ephemeral: Ephemeral, local: Verdict, wide: Verdict
) -> None:
    expected = replace(EXPECTED, defaults=Defaults(ephemeral=ephemeral))
    seen = Seen(Protocol.TCP, 40000, Exposure.MACHINE, "java", user="dev")
    assert verdict(seen, expected) is local
    assert verdict(replace(seen, exposure=Exposure.EVERYWHERE), expected) is wide


def test_a_block_of_ephemeral_ports_makes_no_other_program_an_owner_of_its_port() -> None:
    block = Block((), takes_ephemeral=True, reach=Exposure.EVERYWHERE, program="syncthing")
    expected = replace(EXPECTED, blocks=(block,))
    seen = Seen(Protocol.TCP, 40000, Exposure.EVERYWHERE, "syncthing")
    assert verdict(seen, expected) is Verdict.EXPECTED
    assert verdict(replace(seen, port=60000), expected) is Verdict.EXPECTED
    assert verdict(replace(seen, program="nc"), expected) is Verdict.NEW


def test_a_port_that_a_block_names_is_not_ephemeral() -> None:
    expected = replace(EXPECTED, blocks=(Block(((40000, 40000),), program="java"),))
    seen = Seen(Protocol.TCP, 40000, Exposure.MACHINE, "java")
    assert verdict(seen, expected) is Verdict.EXPECTED
    assert verdict(replace(seen, program="nc"), expected) is Verdict.OWNER


WATCHED = Before(0)


@pytest.mark.parametrize(
    ("seen", "before", "found"),
    [
        ([], WATCHED, Verdict.MISSING),
        ([SSHD], WATCHED, None),
        ([SSHD], None, None),
        ([DATABASE], WATCHED, Verdict.MISSING),
        ([replace(SSHD, unit="evil.service")], WATCHED, Verdict.MISSING),
        ([], Before(SECOND), Verdict.UNKNOWN),  # nobody watched for a second
        ([], None, Verdict.UNKNOWN),  # a single look
        ([], Before(0, (SSHD,)), Verdict.UNKNOWN),  # it closed just before: a restart
        ([], Before(0, (DATABASE,)), Verdict.MISSING),
        ([replace(SSHD, hidden="needs root")], WATCHED, Verdict.UNKNOWN),
        ([replace(SSHD, doubt="may have closed already")], WATCHED, Verdict.UNKNOWN),
    ],
)
def test_what_is_always_expected_is_missing_only_if_that_is_known(
    seen: list[Seen], before: Before | None, found: Verdict | None
) -> None:
    assert [each.verdict for each in missing(seen, EXPECTED, before)] == ([found] if found else [])


def test_a_file_that_allows_no_time_calls_it_missing_at_one_look() -> None:
    expected = replace(EXPECTED, defaults=Defaults(missing=0))
    assert [each.verdict for each in missing([], expected, None)] == [Verdict.MISSING]


UNITS, USERS, PROGRAMS = ("", "a.service", "b.service"), ("root", "dev"), ("x", "y")
KNOWN = [each for each in Exposure if each is not Exposure.UNKNOWN]


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    low = draw(st.sampled_from((1, 2, 40000)))
    maybe = st.none()
    return Block(
        ports=((low, low + draw(st.integers(0, 1))),) if draw(st.booleans()) else (),
        takes_ephemeral=draw(st.booleans()),
        protocol=draw(st.sampled_from(Protocol)),
        reach=draw(st.sampled_from(REACHES)),
        unit=draw(maybe | st.sampled_from(("a.service", "b*"))),
        program=draw(maybe | st.sampled_from(PROGRAMS)),
        user=draw(maybe | st.sampled_from(USERS)),
    )


@st.composite
def listeners(draw: st.DrawFn) -> Seen:
    return Seen(
        draw(st.sampled_from(Protocol)),
        draw(st.sampled_from((1, 2, 3, 40000, 40002))),
        draw(st.sampled_from(Exposure)),
        draw(st.sampled_from(PROGRAMS)),
        draw(st.sampled_from(UNITS)),
        user=draw(st.sampled_from(USERS)),
        hidden=draw(st.sampled_from(("", "", "needs root"))),
        lasted=draw(st.sampled_from((None, SECOND))),
    )


def possibilities(seen: Seen) -> Iterator[Seen]:
    """Every listener that this one can be, as far as it is known."""
    exposures = KNOWN if seen.exposure is Exposure.UNKNOWN else [seen.exposure]
    owners = [(seen.unit, seen.program, seen.user)]
    if seen.hidden:
        owners = list(product((*UNITS, "?"), (*PROGRAMS, "?"), (*USERS, "?")))
    for exposure, (unit, program, user) in product(exposures, owners):
        yield replace(seen, exposure=exposure, unit=unit, program=program, user=user, hidden="")


def certain(seen: Seen, expected: Expected) -> Verdict:
    """The verdict on a listener of which everything is known."""
    named = any(
        low <= seen.port <= high
        for block in expected.blocks
        if block.protocol is seen.protocol
        for low, high in block.ports
    )
    if seen.port >= 32768 and not named:
        if expected.defaults.ephemeral is Ephemeral.IGNORE:
            return Verdict.EXPECTED
        if expected.defaults.ephemeral is not Ephemeral.TELL and seen.exposure is Exposure.MACHINE:
            return Verdict.EXPECTED
    is_ephemeral = seen.port >= 32768 and not named
    rank = ["machine", "containers", "container", "link", "network", "ipv6", "everywhere"]
    of = {Exposure.IPV6: "everywhere"}
    width = rank.index(of.get(seen.exposure, seen.exposure.name.lower()))
    verdicts = {Verdict.NEW}
    for block in expected.blocks:
        has = any(low <= seen.port <= high for low, high in block.ports)
        if block.protocol is not seen.protocol or not (
            block.takes_ephemeral if is_ephemeral else has
        ):
            continue
        is_owner = all(
            pattern is None or fnmatchcase(value, pattern)
            for value, pattern in (
                (seen.unit, block.unit),
                (seen.program, block.program),
                (seen.user, block.user),
            )
        )
        reach = rank.index(block.reach.name.lower())
        if is_owner:
            verdicts.add(Verdict.EXPECTED if width <= reach else Verdict.WIDER)
        elif not is_ephemeral:
            verdicts.add(Verdict.OWNER)
    for found in (Verdict.EXPECTED, Verdict.WIDER, Verdict.OWNER):
        if found in verdicts:
            return found
    return Verdict.NEW if seen.lasted is None else Verdict.BRIEF


@given(listeners(), st.lists(blocks(), max_size=5), st.sampled_from(Ephemeral))
def test_the_verdict_is_what_every_possibility_has_in_common(
    seen: Seen, file: list[Block], ephemeral: Ephemeral
) -> None:
    expected = Expected(Path("x"), Defaults(ephemeral=ephemeral), tuple(file))
    possible = {certain(each, expected) for each in possibilities(seen)}
    found = verdict(seen, expected)
    if len(possible) == 1:
        assert {found} == possible
    elif Verdict.EXPECTED in possible:
        assert found is Verdict.UNKNOWN
    else:  # not expected, whoever it is and whoever reaches it
        assert found in possible
