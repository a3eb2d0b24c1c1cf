"""The file of expected ports: found, read, and refused with one sentence."""

import os
from pathlib import Path

import pytest

from porteye_core.errors import ExpectedError
from porteye_core.judging import expected_file
from porteye_core.judging.blocks import SECOND, Block, Defaults, Ephemeral
from porteye_core.judging.expected_file import MAX_SIZE, find, parse, read
from porteye_core.model import Protocol
from porteye_core.reach import Exposure

FILE = Path("expected.toml")
EVERY_KEY = """\
[defaults]
hold = "1m"
missing = "1h"
ephemeral = "tell"

# the comment of somebody
[[expected]]
port = [22, "8000-8099", "ephemeral"]
protocol = "udp"
reach = "one network"
unit = "ssh*.service"
container = "docker"
program = "sshd"
user = "root"
label = "SSH"
note = "Only from the VPN"
link = "https://wiki.example/ssh"

[[expected]]
port = 5432
always = true
"""


def refused(text: str) -> str:
    """The sentence that a text gets."""
    with pytest.raises(ExpectedError) as raised:
        parse(text, FILE)
    return raised.value.message


def test_every_key_is_read() -> None:
    expected = parse(EVERY_KEY, FILE)
    assert expected.defaults == Defaults(60 * SECOND, 3600 * SECOND, Ephemeral.TELL)
    assert expected.blocks == (
        Block(
            ports=((22, 22), (8000, 8099)),
            takes_ephemeral=True,
            protocol=Protocol.UDP,
            reach=Exposure.NETWORK,
            unit="ssh*.service",
            container="docker",
            program="sshd",
            user="root",
            label="SSH",
            note="Only from the VPN",
            link="https://wiki.example/ssh",
            line=7,
        ),
        Block(ports=((5432, 5432),), always=True, line=19),
    )


def test_an_empty_file_expects_nothing() -> None:
    assert parse("# nothing yet\n", FILE).blocks == ()


def test_a_list_of_blocks_in_one_line_is_read_too() -> None:
    (block,) = parse("\nexpected = [{ port = 22 }]", FILE).blocks
    assert (block.ports, block.line) == (((22, 22),), 2)


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("prot = 22", "line 5: “prot” is no key of a block."),
        ("port = 22\nrech = 'x'", "line 6: “rech” is no key of a block."),
        ("port = 22\n'always' = 1", "line 6: always is neither true nor false."),
        ("port = [\n  22,\n  0,\n]", "line 5: 0 is not a port."),
        ('port = 22\nnote = """\nport = 0\n[[expected]]\n"""\nuser = 5', "line 10: user is not a"),
        ('port = 22\nunit = "run-1.service"', "line 6: the unit “run-1.service” never fits"),
        ('port = 22\nunit = "session-4.scope"', "line 6: the unit “session-4.scope” never fits"),
        ('port = 22\nprogram = "worker-48213"', "line 6: the program “worker-48213” never fits"),
        ('port = 22\nuser = " "', "line 6: an empty user never fits."),
        ("port = []", "line 5: a block without ports never fits."),
        ('port = "ephemeral"\nalways = true', "line 6: an ephemeral port is not always there."),
    ],
)
def test_a_wrong_block_is_named_with_its_line(block: str, said: str) -> None:
    text = f"[[expected]]\nport = 80\n\n[[expected]]\n{block}\n\n[[expected]]\nport = 443\n"
    assert refused(text).startswith(f"expected.toml, {said}")


def test_a_set_of_digits_in_a_pattern_is_no_number() -> None:
    parse('[[expected]]\nport = 22\nprogram = "worker[1234]"', FILE)


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "[" * 100_000,
        "x = " + "{a=" * 100_000,
        "x = " + "9" * 10_000,
        "[[expected]]\nport = 22\nport = 23",
        "[[expected]\n",
        'x = "\x00"',
    ],
)
def test_what_is_no_toml_gets_one_sentence(text: str) -> None:
    said = refused(text)
    assert said.startswith("expected.toml ")
    assert "\n" not in said
    assert len(said) < 300


def test_a_key_of_a_thousand_parts_is_refused_before_it_takes_minutes() -> None:
    said = "expected.toml, line 3: this key has too many parts."
    assert refused("# ok\n\n" + "a." * 200_000 + "a = 1") == said
    assert refused("# ok\n\n[" + '"a".' * 100_000 + "a]") == said
    parse(f'[[expected]]\nport = 22\nnote = "and so on{"." * 60}"  # {"." * 60}', FILE)


def test_thousands_of_blocks_are_read() -> None:
    blocks = "[[expected]]\nport = 22\nunit = 'ssh.service'\n" * 9_000
    assert parse(blocks, FILE).blocks[-1].line == 3 * 9_000 - 2


def write(folder: Path, content: bytes) -> Path:
    file = folder / "expected.toml"
    file.write_bytes(content)
    return file


def test_a_file_that_is_not_utf_8_is_refused_with_the_line(tmp_path: Path) -> None:
    file = write(tmp_path, b"# one\n# two \xff\n")
    with pytest.raises(ExpectedError, match="line 2: this is not UTF-8"):
        read(file)


def test_a_byte_order_mark_and_the_line_ends_of_windows_are_read(tmp_path: Path) -> None:
    file = write(tmp_path, b"\xef\xbb\xbf[[expected]]\r\nport = 22\r\n")
    assert read(file).blocks == (Block(((22, 22),), line=1),)


def test_a_file_that_is_too_large_is_refused_without_being_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "expected.toml"
    with file.open("wb") as out:
        out.truncate(100_000_000)  # a hole, which takes no space
    with pytest.raises(ExpectedError, match=f"larger than {MAX_SIZE // 1000} kB"):
        read(file)


@pytest.mark.skipif(os.name != "posix", reason="devices and FIFOs are POSIX's")
def test_what_is_no_plain_file_is_refused_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    for name in ("pipe", "device", "."):
        with pytest.raises(ExpectedError, match="is not a plain file"):
            read(tmp_path / name)


def test_a_link_to_a_file_is_followed_and_one_to_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link.toml").symlink_to(write(tmp_path, b""))
    assert read(tmp_path / "link.toml").blocks == ()
    (tmp_path / "loose.toml").symlink_to(tmp_path / "absent")
    with pytest.raises(ExpectedError, match="cannot be read: No such file"):
        read(tmp_path / "loose.toml")


def test_the_file_that_is_named_comes_first_then_that_beside_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, of_system = tmp_path / "porteye.db", tmp_path / "etc.toml"
    monkeypatch.setattr(expected_file, "OF_SYSTEM", of_system)
    with pytest.raises(ExpectedError, match=r"There is no file of expected ports: .* or .*etc"):
        find(None, db)
    of_system.touch()
    assert find(None, db) == of_system
    beside = write(tmp_path, b"")
    assert find(None, db) == beside
    named = tmp_path / "named.toml"
    with pytest.raises(ExpectedError, match="named"):
        find(named, db)  # a mistake in the name is told, not passed over
    named.touch()
    assert find(named, db) == named
