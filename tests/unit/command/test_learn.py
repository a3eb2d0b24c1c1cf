"""`porteye learn`: a file of expected ports from a known history."""

import json
from pathlib import Path

import pytest

from porteye_core.judging import expected_file
from porteye_core.judging.seen import Identity
from porteye_core.model import Protocol
from porteye_core.reach import Exposure
from porteye_core.store.alerts import Note
from tests.kit.accepts import note
from tests.kit.command import Command
from tests.kit.seeding import Instant


@pytest.fixture(autouse=True)
def _no_file_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected_file, "OF_SYSTEM", tmp_path / "absent.toml")
    monkeypatch.delenv("PORTEYE_EXPECTED", raising=False)


def test_what_was_learnt_judges_what_is_open_as_expected(seeded: Instant, porteye: Command) -> None:
    learnt = porteye("learn")
    assert (learnt.status, learnt.err) == (0, "")
    seeded.db.with_name("expected.toml").write_text(learnt.out)
    answered = porteye("check", "--json")
    assert {each["verdict"] for each in json.loads(answered.out)} == {"expected"}
    assert answered.status == 0
    same = porteye("learn", "--diff")
    assert (same.status, same.out.count("\n")) == (0, 1)


def test_what_listens_on_every_interface_stands_apart_at_the_end(
    seeded: Instant, porteye: Command
) -> None:
    learnt = porteye("learn").out
    narrow, wide = learnt.split("# These listen on every interface. Read each one before you keep")
    assert "port = 5432" in narrow
    assert "every interface" not in narrow
    assert wide.count("[[expected]]") == wide.count('reach = "every interface"') == 1
    assert 'program = "nginx"' in wide


def test_an_opening_counts_with_its_number_and_its_longest_life(
    seeded: Instant, porteye: Command
) -> None:
    block = porteye("learn").out.split("port = 8765")[0].splitlines()[-2]
    assert block == "# seen 2 times, open now, longest 10 minutes"


def test_what_is_older_than_the_range_is_not_learnt(seeded: Instant, porteye: Command) -> None:
    assert "# seen once, open now" in porteye("learn", "--since", "5 min ago").out.split("8765")[0]


def test_the_difference_is_what_the_file_lacks_and_what_it_has_too_much(
    seeded: Instant, porteye: Command
) -> None:
    file = seeded.db.with_name("expected.toml")
    file.write_text('# mine\n[[expected]]\nport = 21\nlabel = "FTP"\n' + porteye("learn").out)
    known = file.read_text()
    assert porteye("learn", "--diff").out.splitlines()[-1] == "# line 2: FTP"
    file.write_text(known.partition("# These listen")[0])
    answered = porteye("learn", "--diff")
    assert answered.status == 1
    assert "# new: no block has this port\n# It listens on every interface.\n" in answered.out
    file.write_text(file.read_text() + answered.out)  # it can be appended as it is
    assert porteye("check").status == 0


def test_what_people_have_accepted_is_not_lacking(seeded: Instant, porteye: Command) -> None:
    file = seeded.db.with_name("expected.toml")
    file.write_text(porteye("learn").out.partition("# These listen")[0])
    assert porteye("learn", "--diff").status == 1
    nginx = Identity(Protocol.TCP, 80, Exposure.EVERYWHERE, "nginx", "www")
    note(seeded.db, Note(nginx.key, accepted_at=1, author="ann", at=1))
    assert porteye("learn", "--diff").status == 0


def test_without_a_history_it_cannot_be_said(db: Path, porteye: Command) -> None:
    answered = porteye("learn")
    assert (answered.status, answered.out) == (3, "")
