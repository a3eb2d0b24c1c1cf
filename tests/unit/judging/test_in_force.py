"""The file of expected ports that counts: the last good one."""

import os
from pathlib import Path

import pytest

from porteye_core.judging import expected_file
from porteye_core.judging.in_force import WatchedFile
from porteye_core.store.alerts import beside, keep_text, writing
from porteye_core.system.clock import SystemClock

GOOD = "[[expected]]\nport = 22\n"


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(expected_file, "OF_SYSTEM", tmp_path / "etc" / "expected.toml")
    return tmp_path / "porteye.db"


def watch(db: Path, named: Path | None = None) -> WatchedFile:
    return WatchedFile(named, db, beside(db))


def keep(db: Path, text: str, at: int) -> None:
    """Keep a text as the alerts process does."""
    with writing(beside(db)) as connection:
        keep_text(connection, "expected.toml", text, at)


def ports(watched: WatchedFile) -> list[int]:
    """The ports of the blocks that are in force."""
    judge = watched.in_force().judge
    assert judge is not None
    return [block.ports[0][0] for block in judge.expected.blocks]


def save(db: Path, text: str) -> Path:
    """Save as an editor does: another file takes the name."""
    new = db.with_name("new")
    new.write_text(text)
    return new.rename(db.with_name("expected.toml"))


def test_without_a_file_nothing_is_judged_and_nothing_is_wrong(db: Path) -> None:
    found = watch(db).in_force()
    assert (found.judge, found.error) == (None, "")


def test_a_file_of_many_hosts_has_a_judge_of_this_machine_and_of_each_other_one(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "here")
    watched = watch(db)
    save(db, GOOD + 'hosts = ["here"]\n[[expected]]\nport = 80\nhosts = ["there"]\n')
    assert ports(watched) == [22]
    there = watched.in_force().on("there")
    assert there is not None
    assert [block.ports for block in there.expected.blocks] == [((80, 80),)]


def test_a_file_that_comes_counts_at_once_and_one_that_goes_no_longer(db: Path) -> None:
    watched = watch(db)
    assert watched.in_force().judge is None
    file = save(db, GOOD)
    first = watched.in_force()
    assert first.judge is not None
    assert watched.in_force() is first
    save(db, GOOD.replace("22", "80"))
    second = watched.in_force().judge
    assert second is not None
    assert second.expected.blocks[0].ports == ((80, 80),)
    file.unlink()
    assert watched.in_force().judge is None


def test_a_wrong_file_is_said_with_its_line_and_the_last_good_one_counts(db: Path) -> None:
    watched = watch(db)
    file = save(db, GOOD)
    good = watched.in_force().judge
    save(db, f"{GOOD}prot = 'tcp'\n")
    found = watched.in_force()
    assert found.judge is good
    assert f"{file}, line 3" in found.error
    save(db, GOOD)
    assert watched.in_force().error == ""


def test_a_wrong_file_alone_judges_nothing(db: Path) -> None:
    save(db, "[[")
    found = watch(db).in_force()
    assert found.judge is None
    assert "is not TOML" in found.error


def test_a_file_that_is_named_and_not_there_is_an_error(db: Path) -> None:
    named = db.with_name("mine.toml")
    watched = watch(db, named)
    assert "mine.toml" in watched.in_force().error
    named.write_text(GOOD)
    assert watched.in_force().error == ""
    os.unlink(named)  # noqa: PTH108
    gone = watched.in_force()
    assert gone.judge is not None
    assert "mine.toml" in gone.error


def test_a_wrong_file_at_the_start_leaves_the_one_in_force_that_the_alerts_process_kept(
    db: Path,
) -> None:
    keep(db, GOOD, 1)
    save(db, "[[")
    watched = watch(db)
    assert "is not TOML" in watched.in_force().error
    assert ports(watched) == [22]


def test_a_named_file_that_is_gone_at_the_start_leaves_it_in_force_too(db: Path) -> None:
    keep(db, GOOD, 1)
    watched = watch(db, db.with_name("mine.toml"))
    assert "mine.toml" in watched.in_force().error
    assert ports(watched) == [22]


def test_the_newest_good_file_counts_whichever_process_has_read_it(db: Path) -> None:
    keep(db, GOOD, 1)
    save(db, GOOD.replace("22", "80"))
    watched = watch(db)
    assert ports(watched) == [80]
    save(db, "[[")
    assert ports(watched) == [80]
    keep(db, GOOD.replace("22", "443"), SystemClock().now())  # nobody looked at the page meanwhile
    save(db, "[[ ")
    assert ports(watched) == [443]


def test_a_file_that_was_not_named_and_is_gone_is_not_brought_back_by_a_wrong_one(
    db: Path,
) -> None:
    file = save(db, GOOD)
    watched = watch(db)
    assert ports(watched) == [22]
    keep(db, GOOD, 1)
    file.unlink()
    assert (watched.in_force().judge, watched.in_force().error) == (None, "")
    save(db, "[[")
    assert watched.in_force().judge is None


def test_a_kept_text_of_another_version_and_a_broken_alerts_database_are_passed_over(
    db: Path,
) -> None:
    save(db, "[[")
    keep(db, "of another = version", 1)
    assert watch(db).in_force().judge is None
    beside(db).write_bytes(b"no database")
    assert watch(db).in_force().judge is None
