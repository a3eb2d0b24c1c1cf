"""`porteye expected --export`: what people have accepted, as text for the file."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from porteye_core.judging import expected_file
from porteye_core.judging.seen import Identity
from porteye_core.model import Protocol
from porteye_core.reach import Exposure
from porteye_core.store.alerts import Note, beside, put_words, writing
from tests.kit.accepts import note
from tests.kit.command import Command
from tests.kit.seeding import Instant

AT = 1_795_417_380_000_000


@pytest.fixture(autouse=True)
def _no_file_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected_file, "OF_SYSTEM", tmp_path / "absent.toml")
    for name in ("PORTEYE_EXPECTED", "PORTEYE_ALERTS_DB"):
        monkeypatch.delenv(name, raising=False)


def accept(db: Path, identity: Identity, **values: object) -> None:
    note(db, replace(Note(identity.key, accepted_at=AT, author="ann", at=AT), **values))  # type: ignore[arg-type]


def test_what_was_accepted_is_expected_by_the_file_that_is_printed(
    seeded: Instant, porteye: Command
) -> None:
    file = seeded.db.with_name("expected.toml")
    file.write_text(porteye("learn").out.partition("# These listen")[0])
    assert porteye("check").status == 2
    nginx = Identity(Protocol.TCP, 80, Exposure.EVERYWHERE, "nginx", "www")
    accept(seeded.db, nginx, label="Shop", text='two\nlines of "it"', link="https://wiki.example")
    assert porteye("check").status == 0
    printed = porteye("expected", "--export")
    assert (printed.status, printed.err) == (0, "")
    assert "# accepted 2026-11-23 07:03 UTC, by ann\n[[expected]]\nport = 80\n" in printed.out
    (block,) = tomllib.loads(printed.out)["expected"]
    assert block == {
        "port": 80,
        "reach": "every interface",
        "program": "nginx",
        "user": "www",
        "label": "Shop",
        "note": 'two\nlines of "it"',
        "link": "https://wiki.example",
    }
    # In the file it counts as much as in the database.
    file.write_text(file.read_text() + printed.out)
    seeded.db.with_name("porteye-alerts.db").unlink()
    assert porteye("check").status == 0


def test_what_was_accepted_on_this_machine_counts_where_a_fleet_is_set(
    seeded: Instant, porteye: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    nginx = Identity(Protocol.TCP, 80, Exposure.EVERYWHERE, "nginx", "www")
    monkeypatch.setenv("PORTEYE_FLEET", "host=db.example dbname=fleet")
    accept(seeded.db, nginx)
    assert "[[expected]]\nport = 80\n" in porteye("expected", "--export").out


def test_who_accepted_is_named_whoever_noted_something_later(
    seeded: Instant, porteye: Command
) -> None:
    nginx = Identity(Protocol.TCP, 80, Exposure.EVERYWHERE, "nginx", "www")
    accept(seeded.db, nginx)
    with writing(beside(seeded.db)) as connection:
        put_words(connection, Note(nginx.key, "Shop", author="bob", at=AT + 1))
    printed = porteye("expected", "--export").out
    assert "# accepted 2026-11-23 07:03 UTC, by ann\n" in printed
    assert 'label = "Shop"' in printed


def test_an_accept_that_is_over_or_was_taken_back_is_not_printed(
    seeded: Instant, porteye: Command
) -> None:
    over = Identity(Protocol.TCP, 81, Exposure.MACHINE, "over", "")
    still = Identity(Protocol.UDP, None, Exposure.NETWORK, "still.service", "")
    accept(seeded.db, over, accepted_until=AT + 1)
    accept(seeded.db, still, accepted_until=seeded.now + 86_400_000_000)
    accept(seeded.db, over._replace(who="noted"), accepted_at=None, label="only a label")
    printed = porteye("expected", "--export").out
    (block,) = tomllib.loads(printed)["expected"]
    assert block == {
        "port": "ephemeral",
        "protocol": "udp",
        "reach": "one network",
        "unit": "still.service",
    }
    assert ", until 20" in printed
    assert "# It is not in the history any more" in printed


@pytest.mark.parametrize(
    "who",
    [
        "a\nport = 1",
        'say "hi"',
        "\x1b[31mred",
        "*",
        "x\u202ey",
        "\x7f",
        "'''",
        '"""',
        "shop/web a b",
    ],
)
def test_no_name_breaks_the_text(seeded: Instant, porteye: Command, who: str) -> None:
    identity = Identity(Protocol.TCP, 82, Exposure.MACHINE, who, who)
    accept(seeded.db, identity, author=who, label="x", text=who)
    printed = porteye("expected", "--export").out
    assert "\x1b" not in printed
    assert len(expected_file.parse(printed, Path("printed.toml")).blocks) == 1


def test_a_hidden_owner_and_a_reach_that_is_not_known_are_said(
    seeded: Instant, porteye: Command
) -> None:
    accept(seeded.db, Identity(Protocol.UDP, 53, Exposure.MACHINE, "", ""))
    accept(seeded.db, Identity(Protocol.TCP, 83, Exposure.UNKNOWN, "odd", ""))
    printed = porteye("expected", "--export").out
    assert "# Its owner is hidden" in printed
    assert "# Who can reach it is not known, so that no block can expect it: odd." in printed
    (block,) = tomllib.loads(printed)["expected"]
    assert block == {"port": 53, "protocol": "udp"}


def test_without_an_alerts_database_nothing_is_accepted(seeded: Instant, porteye: Command) -> None:
    printed = porteye("expected", "--export")
    assert (printed.status, printed.err) == (0, "")
    assert tomllib.loads(printed.out) == {}


def test_one_that_cannot_be_read_is_warned_of(seeded: Instant, porteye: Command) -> None:
    seeded.db.with_name("expected.toml").write_text(porteye("learn").out)
    seeded.db.with_name("porteye-alerts.db").write_bytes(b"no database at all" * 100)
    answered = porteye("check")
    assert answered.status == 0
    assert "What was accepted and noted is not known." in answered.err


def test_another_alerts_database_is_named_by_the_flag(
    seeded: Instant, porteye: Command, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    accept(tmp_path / "other" / "x.db", Identity(Protocol.TCP, 84, Exposure.MACHINE, "odd", ""))
    named = str(tmp_path / "other" / "porteye-alerts.db")
    assert "port = 84" in porteye("expected", "--export", "--alerts-db", named).out
    assert "port = 84" not in porteye("expected", "--export").out
