"""The file alerts.toml: read whole, or wrong in one sentence with its line; no secret is told."""

import os
from pathlib import Path

import pytest

from porteye_core.alerts import settings
from porteye_core.alerts.receivers.kinds import (
    Apprise,
    Command,
    JournalEntries,
    Mail,
    Syslog,
    Tls,
    Webhook,
)
from porteye_core.alerts.timers import DAY, HOUR, MINUTE, SECOND, Flapping, Timers
from porteye_core.errors import AlertsError
from porteye_core.store.alerts import Quiet

FILE = Path("alerts.toml")
SECRET = "whsec_" + "c2VjcmV0c2VjcmV0c2VjcmV0"
WHOLE = f"""
page = "https://ports.example/"

[timers]
group = "10s"
digest = "23:05"
flapping = ["4 in 1h"]

[[quiet]]
daily = "23:00-07:00"

[[quiet]]
weekly = "Sat-Mon,Wed 02:00-04:00"

[[receiver]]
name = "ops"
kind = "webhook"
url = "https://hooks.example:8443/T0p/s3cret?token=abc"
secret = "{SECRET}"
headers = {{ Authorization = "Bearer s3cret" }}
least = "new"

[[receiver]]
name = "us"
kind = "mail"
host = "mail.example"
user = "porteye"
password = "s3cret"
from = "porteye@host.example"
to = ["a@host.example", "b@host.example", "a@host.example"]

[[receiver]]
name = "here"
kind = "journal"

[[receiver]]
name = "log"
kind = "syslog"
address = "tcp://[::1]:601"

[[receiver]]
name = "run"
kind = "command"
command = ["/bin/cat", "s3cret"]
timeout = "3s"

[[receiver]]
name = "rest"
kind = "apprise"
url = "ntfys://s3cret@ntfy.example/topic"
"""


def receiver(text: str, kind: str = "webhook") -> str:
    """A file with one receiver."""
    return f'[[receiver]]\nname = "ops"\nkind = "{kind}"\n{text}'


def error(text: str) -> str:
    """The sentence that this file gets."""
    with pytest.raises(AlertsError) as raised:
        settings.parse(text, FILE)
    return raised.value.message


def test_a_file_of_every_kind_is_read_whole() -> None:
    found = settings.parse(WHOLE, FILE)
    assert found.timers == Timers(
        group=10 * SECOND, digest=23 * 60 + 5, flapping=(Flapping(4, HOUR),)
    )
    assert found.page == "https://ports.example/"
    assert found.quiet == (
        Quiet(23 * 60, 7 * 60),
        Quiet(2 * 60, 4 * 60, frozenset({5, 6, 0, 2})),
    )
    ops, us, here, log, run, rest = found.receivers
    assert isinstance(ops, Webhook)
    assert (ops.host, ops.port, ops.path) == ("hooks.example", 8443, "/T0p/s3cret?token=abc")
    assert (ops.secret, ops.least) == (b"secretsecretsecret", "new")
    assert isinstance(us, Mail)
    assert (us.port, us.tls, us.to) == (587, Tls.STARTTLS, ("a@host.example", "b@host.example"))
    assert isinstance(here, JournalEntries)
    assert log == Syslog(name="log", transport="tcp", host="::1", port=601)
    assert isinstance(run, Command)
    assert run.longest == 3
    assert isinstance(rest, Apprise)
    assert rest.url == "ntfys://s3cret@ntfy.example/topic"


def test_an_empty_file_has_the_usual_times_and_no_receiver() -> None:
    assert settings.parse("", FILE) == settings.Settings(FILE)


def test_no_secret_is_in_the_text_of_the_settings_or_in_what_is_shown() -> None:
    found = settings.parse(WHOLE, FILE)
    told = repr(found) + "".join(each.shown for each in found.receivers)
    assert "s3cret" not in told.lower()
    assert "secret=" not in told
    assert [each.shown for each in found.receivers] == [
        "webhook hooks.example:8443",
        "mail a@host.example, b@host.example by mail.example",
        "journal of this machine",
        "syslog tcp://[::1]:601",
        "command /bin/cat",
        "apprise ntfys",
    ]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644])
@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_a_file_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "alerts.toml"
    file.write_text(WHOLE)
    file.chmod(mode)
    with pytest.raises(AlertsError, match="open to other users of this machine") as raised:
        settings.read(file)
    assert raised.value.hint == f"Close it: chmod 600 {file}"
    file.chmod(0o600)
    assert len(settings.read(file).receivers) == 6


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_fifo_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "alerts.toml", 0o600)
    with pytest.raises(AlertsError, match="is not a plain file"):
        settings.read(tmp_path / "alerts.toml")


def test_the_file_beside_the_database_comes_before_that_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, of_system = tmp_path / "porteye.db", tmp_path / "etc.toml"
    monkeypatch.setattr(settings, "OF_SYSTEM", of_system)
    with pytest.raises(AlertsError, match="There is no file of alerts"):
        settings.find(None, db)
    of_system.touch()
    assert settings.find(None, db) == of_system
    (tmp_path / "alerts.toml").touch()
    assert settings.find(None, db) == tmp_path / "alerts.toml"
    with pytest.raises(AlertsError, match=r"named\.toml"):
        settings.find(tmp_path / "named.toml", db)


def test_an_error_names_the_line_of_its_key_in_its_own_block() -> None:
    text = receiver('url = "https://a.example/"\n') + receiver(
        'url = "https://b.example/"\nsecret = "x"\n'
    ).replace("ops", "two")
    assert error(text).startswith("alerts.toml, line 9: secret is not whsec_")


def test_two_receivers_of_one_name_are_refused_at_the_second() -> None:
    one = receiver("", "journal")
    assert error(f"{one}\n{one}") == (
        "alerts.toml, line 6: the name ops is that of another receiver, too."
    )


@pytest.mark.parametrize(
    "secret",
    [
        'url = "https://s3cret:s3cret@host.example/"',
        'url = "https:///s3cret"',
        'url = "http://host.example/s3cret"',
        'url = "ftp://host.example/s3cret"',
        'url = "https://host.example/s3cret\\u0001"',
        'url = "https://host.example/ s3cret"',
        'url = "https://host.example:s3cret/"',
        'url = "https://host.example/"\nsecret = "s3cret"',
        'url = "https://host.example/"\nheaders = { X-Token = "s3cret\\r\\nHost: x" }',
        'url = "https://host.example/"\nheaders = { Host = "s3cret" }',
        'url = "https://host.example/"\nheaders = "s3cret"',
        'url = ["s3cret"]',
        'url = "s3cret',
    ],
)
def test_no_error_tells_a_secret(secret: str) -> None:
    with pytest.raises(AlertsError) as raised:
        settings.parse(receiver(secret), FILE)
    seen: BaseException | None = raised.value
    while seen is not None:
        assert "s3cret" not in str(seen)
        seen = None if seen.__suppress_context__ else seen.__context__


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("page = 'here'", "line 1: page does not begin with https:// or http://"),
        ("colour = 1", "line 1: “colour” is no key of the file"),
        ("[timers]\nhold = '30s'", "line 2: “hold” is no key of [timers]"),
        ("[timers]\nevery = '1s'", "line 2: “1s” is out of range for every"),
        ("[timers]\nevery = 5", "line 2: 5 is no time"),
        ("[timers]\ndigest = '24:00'", "line 2: “24:00” is no time of day"),
        ("[timers]\nflapping = ['often']", "line 2: “often” is no bound of openings"),
        ("[timers]\nflapping = ['1 in 1h']", "line 2: “1 in 1h” is out of range"),
        ("[[quiet]]\n", "line 1: a quiet window is either daily or weekly"),
        ("[[quiet]]\ndaily = '08:00-08:00'", "line 2: “08:00-08:00” is no window of a day"),
        ("[[quiet]]\nweekly = 'Sol 02:00-04:00'", "line 2: “Sol 02:00-04:00” is no window"),
        ("[quiet]\ndaily = '08:00-09:00'", "line 1: quiet is no list of blocks"),
        ("[[receiver]]\nname = 'a'", "line 1: this receiver has no kind"),
        ("[[receiver]]\nkind = 'pigeon'", "line 2: “pigeon” is no value of kind"),
        ("[[receiver]]\nkind = 'journal'", "line 1: this receiver has no name"),
        ("[[receiver]]\nkind = 'journal'\nname = 'a b'", "line 3: “a b” is no name"),
        (receiver("url = 'x'", "journal"), "line 4: “url” is no key of the kind journal"),
        (receiver("least = 'expected'", "journal"), "line 4: “expected” is no value of least"),
        (receiver(""), "line 1: this receiver has no url"),
        (receiver("url = 'http://host.example/'"), "line 4: http:// sends everything in the clear"),
        (receiver("url = 'https://host.example/'\nca = '/none'"), "line 5: “/none” cannot be read"),
        (receiver("host = 'a b'", "mail"), "line 4: “a b” is no host"),
        (receiver("host = 'a'\ntls = 'off'", "mail"), "line 5: without TLS everything is sent"),
        (receiver("host = 'a'\nuser = 'x'", "mail"), "line 5: user and password go together"),
        (
            receiver(
                "host = 'a'\ntls = 'off'\ninsecure = true\nuser = 'x'\npassword = 'y'", "mail"
            ),
            "line 8: a password is never sent without TLS",
        ),
        (receiver("host = 'a'\nport = 0", "mail"), "line 5: port is no number from 1 to 65535"),
        (receiver("host = 'a'\nfrom = 'x'", "mail"), "line 5: from is no address of mail"),
        (receiver("host = 'a'\nfrom = 'x@y'\nto = []", "mail"), "line 6: to has no address"),
        (
            receiver("host = 'a'\nfrom = 'x@y'\nto = \"a@b\\r\\nBcc: c@d\"", "mail"),
            "line 6: to is no address of mail",
        ),
        (receiver("address = 'http://a'", "syslog"), "line 4: address does not begin with udp://"),
        (receiver("command = 'ls'", "command"), "line 4: command is no list of texts"),
        (receiver("command = ['ls']", "command"), "line 4: the program of command has no whole"),
        (receiver("command = ['/none']", "command"), "line 4: “/none” is no program that can be"),
        (receiver("command = ['/bin/ls']\ntimeout = '1h'", "command"), "line 5: timeout is out of"),
        (receiver("url = 'ntfy'", "apprise"), "line 4: url is no address of Apprise"),
    ],
)
def test_a_wrong_file_gets_one_sentence_with_the_line(text: str, said: str) -> None:
    assert error(text).startswith(f"alerts.toml, {said}")


def test_http_is_allowed_to_this_machine_or_where_the_file_says_so() -> None:
    for url in ("http://localhost:1/", "http://127.9.9.9/", "http://[::1]/"):
        settings.parse(receiver(f'url = "{url}"'), FILE)
    settings.parse(receiver('url = "http://host.example/"\ninsecure = true'), FILE)


def test_there_are_at_most_fifty_receivers() -> None:
    text = "".join(
        receiver("", "journal").replace("ops", f"r{at}") for at in range(settings.MAX_RECEIVERS + 1)
    )
    assert error(text) == "alerts.toml, line 151: this is receiver 51."


def test_the_bounds_of_times_can_be_used() -> None:
    for key, bounds in settings.LENGTHS.items():
        for length in bounds:
            found = settings.parse(f'[timers]\n{key} = "{settings._words(length)}"', FILE)
            assert getattr(found.timers, key) == length
    assert settings.LENGTHS["every"][1] == DAY > MINUTE
