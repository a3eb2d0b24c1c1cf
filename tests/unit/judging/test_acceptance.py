"""Identities that people accept are expected."""

import json
from pathlib import Path

import pytest

from porteye_core.judging.acceptance import Accepted, judge_with
from porteye_core.judging.blocks import Expected
from porteye_core.judging.seen import Identity, Seen
from porteye_core.judging.verdicts import Verdict
from porteye_core.model import Protocol
from porteye_core.reach import Exposure

EXPECTED = Expected(Path("expected.toml"))
SEEN = Seen(Protocol.TCP, 5432, Exposure.NETWORK, program="postgres", user="postgres")
ACCEPTED = Accepted([SEEN.identity(is_ephemeral=False).key])


def verdict(seen: Seen, accepted: Accepted = ACCEPTED) -> Verdict:
    return judge_with(seen, EXPECTED, accepted).verdict


def changed(**values: object) -> Seen:
    return Seen(**{**{name: getattr(SEEN, name) for name in SEEN.__slots__}, **values})


def test_what_is_accepted_is_expected_and_says_so() -> None:
    assert verdict(SEEN, Accepted()) is Verdict.NEW
    found = judge_with(SEEN, EXPECTED, ACCEPTED)
    assert (found.verdict, found.why) == (Verdict.EXPECTED, "accepted")


def test_a_narrower_reach_is_accepted_too() -> None:
    assert verdict(changed(exposure=Exposure.MACHINE)) is Verdict.EXPECTED


@pytest.mark.parametrize(
    "other",
    [
        {"exposure": Exposure.EVERYWHERE},
        {"exposure": Exposure.UNKNOWN},
        {"program": "nc"},
        {"user": "root"},
        {"unit": "x.service"},
        {"port": 5433},
        {"protocol": Protocol.UDP},
        {"hidden": "ended"},
    ],
)
def test_another_reach_owner_or_port_is_not(other: dict[str, object]) -> None:
    assert verdict(changed(**other)) is not Verdict.EXPECTED


def test_an_ephemeral_port_is_accepted_with_all_its_ports() -> None:
    one, other = changed(port=40_000), changed(port=50_000)
    accepted = Accepted([one.identity(is_ephemeral=True).key])
    assert verdict(other, accepted) is Verdict.EXPECTED


@pytest.mark.parametrize("exposure", list(Exposure))
@pytest.mark.parametrize("port", [22, None])
def test_a_key_gives_its_identity(exposure: Exposure, port: int | None) -> None:
    identity = Identity(Protocol.UDP, port, exposure, 'say "ü"\n', "")
    assert Identity.of(identity.key) == identity
    assert isinstance(json.loads(identity.key), list)


@pytest.mark.parametrize(
    "text", ["", "null", "7", "{}", "[]", '["tcp"]', '["tcp", "22", "one network", "", ""]',
             '["sctp", 22, "one network", "", ""]', '["tcp", 22, "all", "", ""]',
             '["tcp", true, "one network", "", ""]', '["tcp", 22, "one network", [], ""]'],
)  # fmt: skip
def test_another_text_is_no_key(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Identity.of(text)
