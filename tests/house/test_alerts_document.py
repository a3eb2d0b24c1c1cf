"""docs/alerts.md says what the code does: each key, value, default and bound, and no other."""

import json
import os
import re
from pathlib import Path

import pytest

from porteye_core.alerts import settings
from porteye_core.alerts.backoff import Backoff
from porteye_core.alerts.message_body import LONGEST_TEXT, MOST_FINDINGS, body
from porteye_core.alerts.receiver_blocks import (
    COMMON_KEYS,
    KEYS,
    MAIL_PORTS,
    MAX_TIMEOUT,
    SYSLOG_PORT,
    SYSLOG_SOCKET,
)
from porteye_core.alerts.receivers import journal
from porteye_core.alerts.receivers.apprise import PACKAGE
from porteye_core.alerts.receivers.kinds import Apprise, Command, Mail, Tls, Webhook
from porteye_core.alerts.timers import DAY, HOUR, SECOND, Timers
from porteye_core.judging.verdicts import Verdict
from porteye_core.store.alerts import Finding
from tests.kit.service import PROJECT

DOCUMENT = (PROJECT / "docs" / "alerts.md").read_text()
FILE = Path(settings.NAME)


def section(heading: str) -> str:
    """The text under a heading, up to the next one."""
    after = DOCUMENT.split(f"# {heading}\n", 1)[1]
    return re.split(r"^#+ ", after, flags=re.MULTILINE)[0]


def table(heading: str) -> dict[str, list[str]]:
    """The cells of the rows of the first table under a heading, by the name in the first one."""
    rows = re.findall(r"(?:^\| `.*\n)+", section(heading), re.MULTILINE)
    lines = rows[0].splitlines() if rows else []
    cells = [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in lines]
    return {first.strip("`"): others for first, *others in cells}


def text_after(start: str) -> str:
    """The text that follows some words, in one line."""
    return re.sub(r"\s+", " ", DOCUMENT).split(start, 1)[1]


def test_every_key_is_in_its_table_and_no_other() -> None:
    assert tuple(table("Keys of the file")) == settings.FILE_KEYS
    assert tuple(table("Keys of timers")) == settings.TIMER_KEYS
    assert tuple(table("Keys of quiet")) == settings.QUIET_KEYS
    assert tuple(table("Receivers")) == COMMON_KEYS
    for kind, keys in KEYS.items():
        assert tuple(table(kind)) == keys


def test_every_kind_has_a_section_and_stands_among_the_values() -> None:
    kinds = re.findall(r'"(\w+)"', table("Receivers")["kind"][0])
    assert tuple(kinds) == tuple(KEYS)
    assert re.findall(r'"(\w+)"', table("Receivers")["least"][0]) == [
        each.value for each in Verdict if each is not Verdict.EXPECTED
    ]


def test_the_defaults_of_the_timers_are_those_of_the_code() -> None:
    lines = [
        f"{key} = {default.strip('`')}" for key, (default, _) in table("Keys of timers").items()
    ]
    assert settings.parse("[timers]\n" + "\n".join(lines), FILE).timers == Timers()


def test_the_bounds_of_the_timers_are_those_of_the_code() -> None:
    for key, (least, most) in settings.LENGTHS.items():
        said = table("Keys of timers")[key][1]
        assert said.endswith(f'; `"{settings._words(least)}"` to `"{settings._words(most)}"`')


@pytest.mark.parametrize("key", settings.QUIET_KEYS)
def test_each_window_that_is_named_can_be_read(key: str) -> None:
    values = re.findall(r"`(\"[^`]+\")`", table("Keys of quiet")[key][0])
    assert values
    for value in values:
        assert settings.parse(f"[[quiet]]\n{key} = {value}", FILE).quiet


def test_the_ports_and_choices_of_receivers_are_those_of_the_code() -> None:
    mail = table("mail")
    assert re.findall(r'"(\w+)"', mail["tls"][0]) == [each.value for each in Tls]
    assert mail["tls"][1].startswith(f'default `"{Tls.STARTTLS}"`')
    assert mail["port"][1] == (
        f'default `{MAIL_PORTS[Tls.STARTTLS]}`, with `"implicit"` `{MAIL_PORTS[Tls.IMPLICIT]}`,'
        f' with `"off"` `{MAIL_PORTS[Tls.OFF]}`'
    )
    assert f"default port `{SYSLOG_PORT}`" in table("syslog")["address"][1]
    assert f"`{SYSLOG_SOCKET}`" in table("syslog")["address"][1]
    assert table("command")["timeout"] == [f'`"1s"` to `"{MAX_TIMEOUT}s"`', 'default `"20s"`']
    assert Command(name="a", words=()).longest == 20


def test_the_time_limits_are_those_of_the_code() -> None:
    for heading, kind in (("webhook", Webhook), ("mail", Mail), ("apprise", Apprise)):
        assert f"A try takes {kind.seconds:g} seconds at most." in section(heading)
    assert f"`{PACKAGE.removeprefix('porteye')}" not in DOCUMENT
    assert f"pip install '{PACKAGE}'" in section("apprise")


def test_the_ids_of_journal_entries_are_those_of_the_code() -> None:
    assert set(re.findall(r"[0-9a-f]{32}", section("journal"))) == set(journal.MESSAGE_IDS.values())


def test_the_waits_between_tries_are_those_of_the_code() -> None:
    waits = Backoff()
    assert f"tried again after {waits.first // SECOND} seconds" in DOCUMENT
    assert (waits.longest, waits.give_up) == (HOUR, 3 * DAY)
    assert "up to an hour" in text_after("twice as long each time, ")[:20]
    assert text_after("After three days of tries, and at least ").startswith(
        f"{waits.least_tries} "
    )


def test_the_example_of_a_file_can_be_read() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    found = settings.parse(example, FILE)
    assert [each.name for each in found.receivers] == ["ops", "pager"]
    # They name the usual values.
    assert found.timers == Timers()


def test_the_example_of_a_message_has_the_fields_of_a_message() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)
    told = json.loads(example)
    finding = Finding(7, "[]", "listener", "wider", 1, 1)
    real = json.loads(body("findings", "msg_1", 1, "db1", [(finding, "begin")]))
    assert list(told) == list(real)
    assert list(told["data"]) == list(real["data"])
    assert told["data"]["findings"][0].keys() <= real["data"]["findings"][0].keys()
    assert f"at most {MOST_FINDINGS} findings" in DOCUMENT
    assert f"cut at {LONGEST_TEXT} characters" in re.sub(r"\s+", " ", DOCUMENT)


def test_the_places_are_those_of_the_code() -> None:
    assert f"`{settings.NAME}` beside the database" in DOCUMENT
    assert f"`{settings.OF_SYSTEM}`" in DOCUMENT
    assert f"at most {settings.MAX_RECEIVERS} |" in DOCUMENT


@pytest.mark.skipif(os.name != "posix", reason="the programs are of POSIX")
def test_the_receivers_of_the_readme_can_be_read() -> None:
    readme = (PROJECT / "README.md").read_text().split("## Be told\n")[1].split("\n## ")[0]
    (text,) = re.findall(r"^cat > alerts.toml <<END\n(.*?)^END$", readme, re.DOTALL | re.M)
    assert len(settings.parse(text.replace("$PWD", "/srv"), FILE).receivers) == 1
