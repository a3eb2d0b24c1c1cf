"""Identities that the history teaches, and their blocks as text."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porteye_core.judging.block_text import block_lines, quoted
from porteye_core.judging.blocks import SECOND, Block, Expected
from porteye_core.judging.expected_file import parse
from porteye_core.judging.learning import Learnt, identities, lacking, lasting, needless
from porteye_core.judging.verdicts import Verdict, judge
from porteye_core.model import Protocol
from porteye_core.reach import Exposure
from porteye_core.store.reading import PastUse

NOTHING = Expected(Path("expected.toml"))
HOUR = 3600 * SECOND
NOW = 100 * HOUR
NGINX = PastUse(
    protocol=Protocol.TCP,
    port=443,
    exposure=Exposure.EVERYWHERE,
    process="nginx",
    exe="/usr/sbin/nginx",
    cmdline="nginx -g daemon",
    user="root",
    unit="nginx.service",
    container="",
    image="",
    compose_project="",
    compose_service="",
    hidden=None,
    openings=2,
    longest=HOUR,
    last=NOW - 3 * HOUR,
    is_open=False,
)


def learnt(*uses: PastUse) -> list[Learnt]:
    return lasting(identities(uses, NOTHING), NOTHING)


def read_again(found: list[Learnt]) -> Expected:
    return parse("\n".join(line for each in found for line in block_lines(each, NOW)), Path("x"))


def test_restarts_and_both_wildcards_are_one_identity() -> None:
    (one,) = learnt(
        NGINX, NGINX._replace(exposure=Exposure.IPV6, openings=5, longest=9 * HOUR, last=NOW)
    )
    assert (one.openings, one.longest, one.last) == (7, 9 * HOUR, NOW)
    assert list(block_lines(one, NOW)) == [
        "# seen 7 times, last just now, longest 9 hours",
        "[[expected]]",
        "port = 443",
        'reach = "every interface"',
        'unit = "nginx.service"',
        'user = "root"',
    ]


def test_a_script_is_the_program_of_its_interpreter() -> None:
    script = NGINX._replace(
        port=8000, process="python3", exe="/usr/bin/python3", unit="session-4.scope",
        cmdline="python3 -m http.server 8000", exposure=Exposure.MACHINE, is_open=True,
    )  # fmt: skip
    (one,) = learnt(script)
    assert list(block_lines(one, NOW)) == [
        "# seen 2 times, open now, longest 1 hour",
        "[[expected]]",
        "port = 8000",
        'program = "http.server (python)"',
        'user = "root"',
    ]


def test_a_container_is_known_by_its_runtime_and_program_and_not_by_its_id() -> None:
    first, second = (
        NGINX._replace(unit="", container=f"docker:{digit * 64}") for digit in ("a", "b")
    )
    (one,) = learnt(first, second)
    assert 'container = "docker"' in block_lines(one, NOW)
    assert judge(one.seen, read_again([one])).verdict is Verdict.EXPECTED


def test_a_container_whose_image_is_known_is_known_by_it_and_one_of_compose_by_its_service() -> (
    None
):
    old, new = (
        NGINX._replace(unit="", container=f"docker:{digit * 64}", image=f"shop/nginx:1.{digit}")
        for digit in ("a", "b")
    )
    (one,) = learnt(old, new)
    assert 'container = "shop/nginx"' in block_lines(one, NOW)
    (composed,) = learnt(old._replace(compose_project="shop", compose_service="web"))
    assert 'container = "shop/web"' in block_lines(composed, NOW)


def test_what_was_there_for_a_moment_is_left_out_unless_it_still_is() -> None:
    brief = NGINX._replace(longest=29 * SECOND)
    assert learnt(brief) == []
    assert len(learnt(brief._replace(is_open=True))) == 1


def test_a_program_that_takes_ephemeral_ports_again_and_again_is_not_left_out() -> None:
    brief = NGINX._replace(port=40_000, openings=1, longest=SECOND)
    assert learnt(brief) == []
    (one,) = learnt(brief, brief._replace(port=50_000))
    assert one.identity.port is None
    assert learnt(brief._replace(port=443, openings=9)) == []


def test_ephemeral_ports_of_a_program_are_one_block_or_none() -> None:
    peer = NGINX._replace(process="syncthing", unit="", exe="/usr/bin/syncthing", cmdline="")
    wide = [peer._replace(port=port) for port in (40000, 50000, 60000)]
    local = peer._replace(port=45000, exposure=Exposure.MACHINE)
    (one,) = learnt(*wide, local)
    assert 'port = "ephemeral"' in block_lines(one, NOW)


def test_a_hidden_owner_gets_a_block_only_where_nothing_better_is_known() -> None:
    hidden = NGINX._replace(process="", exe="", cmdline="", unit="", hidden="kernel", is_open=True)
    (one,) = learnt(hidden)
    assert not any(line.startswith(("unit", "program", "user")) for line in block_lines(one, NOW))
    assert [each.seen.unit for each in learnt(hidden, NGINX)] == ["nginx.service"]
    assert learnt(hidden._replace(is_open=False)) == []
    assert learnt(hidden._replace(port=40000)) == []  # it would fit every ephemeral port


def test_the_difference_names_what_the_file_lacks_and_what_nothing_needed() -> None:
    narrow = Block(((443, 443),), unit="nginx.service", line=4)
    other = Block(((22, 22),), unit="ssh.service", line=8)
    expected = replace(NOTHING, blocks=(narrow, other))
    every = identities([NGINX], expected)
    ((each, found),) = lacking(lasting(every, expected), expected)
    assert (each.identity.port, found.verdict) == (443, Verdict.WIDER)
    assert needless(every, expected) == [narrow, other]
    brief_and_local = NGINX._replace(longest=SECOND, exposure=Exposure.MACHINE)
    assert needless(identities([NGINX, brief_and_local], expected), expected) == [other]


@pytest.mark.parametrize(
    "evil", ['a"b', "a\\b", "[x]*?", "a\nb", "\x1b[31m", "\x7f\x9b", "😀\u202e"]
)
def test_a_name_of_a_stranger_fits_itself_alone_when_it_is_read_again(evil: str) -> None:
    of_stranger = NGINX._replace(process=evil, exe="", cmdline="", user=evil, unit="")
    (one,) = learnt(of_stranger)
    text = "\n".join(block_lines(one, NOW))
    assert not any(ord(each) in (0x1B, 0x7F, 0x9B, 0x202E) for each in text)
    expected = read_again([one])
    assert judge(one.seen, expected).verdict is Verdict.EXPECTED
    assert judge(replace(one.seen, program="x"), expected).verdict is Verdict.OWNER


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_text_is_read_again_as_it_was(text: str) -> None:
    (block,) = parse(f"[[expected]]\nport = 1\nnote = {quoted(text)}", Path("x")).blocks
    assert block.note == text


_USES = st.builds(
    PastUse,
    protocol=st.sampled_from(Protocol),
    port=st.sampled_from((22, 80, 40000, 50000)),
    exposure=st.sampled_from([each for each in Exposure if each is not Exposure.UNKNOWN]),
    process=st.sampled_from(("nginx", "worker-48213", "a b")),
    exe=st.just(""),
    cmdline=st.just(""),
    user=st.sampled_from(("", "root")),
    unit=st.sampled_from(("", "web.service", "session-4.scope")),
    container=st.sampled_from(("", "docker:" + "a1" * 32, "lxc:web")),
    image=st.sampled_from(("", "nginx:1.2")),
    compose_project=st.sampled_from(("", "shop")),
    compose_service=st.just("web"),
    hidden=st.none(),
    openings=st.integers(1, 9),
    longest=st.integers(0, HOUR),
    last=st.just(NOW),
    is_open=st.booleans(),
)


@given(st.lists(_USES, max_size=8))
def test_whatever_is_open_is_expected_by_what_was_learnt(uses: list[PastUse]) -> None:
    every = identities(uses, NOTHING)
    expected = read_again(lasting(every, NOTHING))
    assert {judge(each.seen, expected).verdict for each in every if each.is_open} <= {
        Verdict.EXPECTED
    }
