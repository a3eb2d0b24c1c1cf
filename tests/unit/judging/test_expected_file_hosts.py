"""Hosts and groups of hosts in the file of expected ports: a block that names them counts there."""

from pathlib import Path

import pytest

from porteye_core.errors import ExpectedError
from porteye_core.judging.blocks import Expected
from porteye_core.judging.expected_file import parse
from porteye_core.judging.judge import Judges
from porteye_core.judging.seen import Seen
from porteye_core.judging.verdicts import Judgement, Verdict, judge, missing
from porteye_core.model import Protocol
from porteye_core.reach import Exposure

FILE = Path("expected.toml")
FLEET = """\
[groups]
databases = ["db1", "pg-*"]

[[expected]]
port = 22
reach = "every interface"
program = "sshd"

[[expected]]
port = 5432
reach = "every interface"
program = "postgres"
hosts = ["@databases", "backup"]
always = true

[[expected]]
port = 80
reach = "every interface"
program = "nginx"
hosts = "web*"
"""


def expected_on(host: str, text: str = FLEET) -> Expected:
    return parse(text, FILE).on(host)


def verdict(host: str, port: int, program: str, text: str = FLEET) -> Judgement:
    listener = Seen(Protocol.TCP, port, Exposure.EVERYWHERE, program, user="root")
    return judge(listener, expected_on(host, text))


def refused(text: str) -> str:
    with pytest.raises(ExpectedError) as raised:
        parse(text, FILE)
    return str(raised.value)


def test_a_block_without_hosts_counts_everywhere_and_one_with_hosts_only_there() -> None:
    for host in ("db1", "pg-7", "backup", "web3", "laptop"):
        assert verdict(host, 22, "sshd").verdict is Verdict.EXPECTED
        is_database = host in ("db1", "pg-7", "backup")
        found = verdict(host, 5432, "postgres").verdict
        assert found is (Verdict.EXPECTED if is_database else Verdict.NEW)
        found = verdict(host, 80, "nginx").verdict
        assert found is (Verdict.EXPECTED if host == "web3" else Verdict.NEW)


@pytest.mark.parametrize("host", ["db12", "xdb1", "pg", "mypg-1", "web", "theweb1"])
def test_a_pattern_fits_the_whole_name_of_a_host(host: str) -> None:
    assert verdict(host, 5432, "postgres").verdict is Verdict.NEW
    assert (verdict(host, 80, "nginx").verdict is Verdict.EXPECTED) == (host == "web")


def test_the_name_of_a_host_has_no_case() -> None:
    assert verdict("WEB1", 80, "nginx").verdict is Verdict.EXPECTED


def test_a_block_of_other_hosts_makes_nothing_wider_or_another_owner_here() -> None:
    """It would be a hint to a rule that does not hold for this host."""
    assert verdict("laptop", 5432, "nc").verdict is Verdict.NEW
    assert verdict("db1", 5432, "nc").verdict is Verdict.OWNER


def test_a_wide_block_of_other_hosts_does_not_weaken_a_narrow_one() -> None:
    text = FLEET + '\n[[expected]]\nport = 80\nprogram = "nginx"\n'
    assert verdict("web1", 80, "nginx", text).verdict is Verdict.EXPECTED
    assert verdict("db1", 80, "nginx", text).verdict is Verdict.WIDER


def test_an_ephemeral_port_that_another_host_names_is_ephemeral_here() -> None:
    text = '[[expected]]\nport = 40000\nhosts = ["db1"]\nprogram = "postgres"\n'
    assert not expected_on("db1", text).is_ephemeral(Protocol.TCP, 40_000)
    assert expected_on("web1", text).is_ephemeral(Protocol.TCP, 40_000)


def test_what_is_always_expected_is_missing_only_on_the_hosts_of_its_block() -> None:
    assert [each.verdict for each in missing([], expected_on("db1"), None)] == [Verdict.UNKNOWN]
    assert list(missing([], expected_on("web1"), None)) == []


def test_hosts_with_the_same_blocks_have_one_judge() -> None:
    judges = Judges(parse(FLEET, FILE))
    assert judges.on("web1") is judges.on("web2") is judges.on("web1")
    assert judges.on("web1") is not judges.on("db1")
    assert judges.on("laptop") is judges.on("desktop")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('hosts = ["@db"]', "line 3: there is no group “db”. Add one to [groups]."),
        ('hosts = ["@"]', "line 3: there is no group “”."),
        ("hosts = []", "line 3: hosts has no host. Name one, or leave the key out."),
        ('hosts = ""', "line 3: an empty name of a host never fits."),
        ('hosts = ["web1", " "]', "line 3: an empty name of a host never fits."),
        ("hosts = 5", 'line 3: 5 is no name of a host. Write hosts = ["web*", "@databases"].'),
        ("hosts = [true]", "line 3: “True” is no name of a host."),
        ("hosts = [[]]", "line 3: this is no name of a host."),
        ("hosts = { web1 = 1 }", "line 3: this is no name of a host."),
        ('hosts = "web1, web2"', "line 3: “web1, web2” has a comma. Write each host as a text"),
        ('hosts = ["web["]', "line 3: “web[” opens a bracket and does not close it."),
        ('hosts = ["a\\u202eb"]', "line 3: The name of a host has a control character."),
        (f'hosts = "{"a" * 300}"', "line 3: The name of a host has 300 characters."),
        ('host = "web1"', "line 3: “host” is no key of a block."),
    ],
)
def test_hosts_that_cannot_be_meant_are_refused_with_their_line(text: str, said: str) -> None:
    assert refused(f"[[expected]]\nport = 22\n{text}\n").startswith(f"expected.toml, {said}")


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ("db = []", "line 2: db has no host."),
        ("db = 5", "line 2: 5 is no name of a host."),
        ('a = ["x"]\ndb = ["@a"]', "line 3: a group has no other group."),
        ('"@db" = ["x"]', "line 2: “@db” is no name of a group."),
        ('"" = ["x"]', "line 2: “” is no name of a group."),
        ('db.x = ["x"]', "line 2: this is no name of a host."),
        (f"db = {['a' + str(n) for n in range(101)]}", "line 2: db has more than 100 names"),
    ],
)
def test_a_group_that_cannot_be_meant_is_refused_with_its_line(groups: str, said: str) -> None:
    text = f"[groups]\n{groups}\n[[expected]]\nport = 22\n"
    assert refused(text).startswith(f"expected.toml, {said}")


def test_an_unknown_group_names_those_that_are_known() -> None:
    text = '[[expected]]\nport = 22\nhosts = ["@database"]\n[groups]\ndatabases = ["db1"]\n'
    assert "there is no group “database”. The groups are databases." in refused(text)


def test_groups_that_are_no_table_are_refused() -> None:
    assert refused("groups = 5\n").startswith("expected.toml, line 1: groups is no table.")


def test_a_group_may_stand_after_the_blocks_that_name_it() -> None:
    text = '[[expected]]\nport = 80\nhosts = ["@web"]\n[groups]\nweb = ["web*"]\n'
    assert parse(text, FILE).blocks[0].hosts == ("web*",)
