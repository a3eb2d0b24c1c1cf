"""Mail: a real server of SMTP gets each message, or says why not."""

import base64
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword

from porteye_core.alerts.receivers.kinds import Mail, Tls
from porteye_core.alerts.receivers.mail import send
from porteye_core.alerts.receivers.message import Message
from porteye_core.alerts.receivers.not_sent import NotSent
from porteye_core.alerts.receivers.time_limit import TimeLimit
from tests.kit.certificates import Certificate, needs_openssl
from tests.kit.sinks import MailServer, mail_server

PASSWORD = "correct horse"


def receiver(server: MailServer, **more: object) -> Mail:
    found = Mail(
        name="us",
        host="127.0.0.1",
        port=server.port,
        tls=Tls.OFF,
        sender="porteye@host.example",
        to=("ops@host.example", "dev@host.example"),
    )
    return replace(found, **more)  # type: ignore[arg-type]


def refusal(to: Mail, message: Message, seconds: float = 20) -> str:
    with TimeLimit(seconds) as limit, pytest.raises(NotSent) as raised:
        send(to, message, limit)
    return raised.value.message


def test_every_address_gets_one_plain_mail_that_no_robot_answers(message: Message) -> None:
    with mail_server() as server, TimeLimit(20) as limit:
        assert send(receiver(server), message, limit) == ""
    (mail,) = server.taken
    assert server.recipients == [["ops@host.example", "dev@host.example"]]
    assert mail["Subject"] == "[PortEye] db1: postgres is wider"
    assert mail["Message-ID"] == "<msg_1@host.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime.isoformat() == "2026-01-31T03:10:30+00:00"
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().replace("\r\n", "\n") == (
        "db1: postgres is wider\n\n"
        "- reachable from further away: tcp 5432 by postgres\n"
        "  since 2026-01-31T03:10:00+00:00, 0.0.0.0:5432, unit postgresql.service, pid 812\n"
    )


def test_each_try_is_the_same_mail(message: Message) -> None:
    with mail_server() as server:
        for _ in range(2):
            with TimeLimit(20) as limit:
                send(receiver(server), message, limit)
    first, second = server.raw
    assert first == second


def test_an_address_that_is_refused_for_now_keeps_the_mail_from_all(message: Message) -> None:
    with mail_server() as server:
        server.refused_address = lambda to: "450 Greylisted" if to.startswith("dev") else None
        said = refusal(receiver(server), message)
    assert said == "127.0.0.1 refused dev@host.example (status 450)."
    assert server.taken == []


def test_an_address_that_is_refused_for_good_keeps_it_from_nobody_else(message: Message) -> None:
    with mail_server() as server:
        server.refused_address = lambda to: "550 No such user" if to.startswith("dev") else None
        with TimeLimit(20) as limit:
            remark = send(receiver(server), message, limit)
        assert remark == "127.0.0.1 refused dev@host.example."
        assert server.recipients == [["ops@host.example"]]
        server.refused_address = lambda _: "550 No such user"
        said = refusal(receiver(server), message)
    assert said == "127.0.0.1 refused ops@host.example, dev@host.example (status 550)."


@pytest.mark.parametrize("status", [451, 554])
def test_a_mail_that_is_refused_is_told_without_the_servers_words(
    message: Message, status: int
) -> None:
    with mail_server() as server:
        server.refused_data = lambda: f"{status} no, {PASSWORD}"
        said = refusal(receiver(server), message)
    assert said == f"127.0.0.1 refused the mail (status {status})."


@needs_openssl
@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
def test_login_and_mail_go_over_tls_with_a_certificate_that_is_trusted(
    message: Message, tmp_path: Path, tls: Tls
) -> None:
    good, other = Certificate.of(tmp_path), Certificate.of(tmp_path)
    logins: list[LoginPassword] = []

    def authenticate(
        _: object, __: object, ___: object, ____: str, data: LoginPassword
    ) -> AuthResult:
        logins.append(data)
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)

    how: dict[str, Any] = (
        {"tls_context": good.server, "require_starttls": True, "auth_required": True}
        if tls is Tls.STARTTLS
        else {"ssl_context": good.server, "auth_require_tls": False}
    )
    with mail_server(authenticator=authenticate, **how) as server:
        to = receiver(server, tls=tls, ca=good.file, user="porteye", password=PASSWORD)
        with TimeLimit(20) as limit:
            send(to, message, limit)
        assert len(server.taken) == 1
        said = refusal(replace(to, password="wrong"), message)
        assert said == "127.0.0.1 refused the login (status 535)."
        seen = len(logins)
        for ca in (other.file, None):
            said = refusal(replace(to, ca=ca), message)
            assert said.startswith("The certificate of 127.0.0.1 is not trusted: self-signed")
        # A stranger between the two gets neither login nor mail.
        assert len(logins) == seen
    assert len(server.taken) == 1


@needs_openssl
def test_a_certificate_of_another_name_is_refused(message: Message, tmp_path: Path) -> None:
    certificate = Certificate.of(tmp_path, "DNS:other.example")
    with mail_server(tls_context=certificate.server) as server:
        said = refusal(receiver(server, tls=Tls.STARTTLS, ca=certificate.file), message)
    assert "IP address mismatch" in said
    assert server.taken == []


def test_a_server_that_takes_starttls_away_gets_nothing(message: Message) -> None:
    with mail_server() as server:
        said = refusal(receiver(server, tls=Tls.STARTTLS), message)
    assert said == "127.0.0.1 offers no TLS."
    assert server.taken == []


def test_a_server_without_login_is_told(message: Message) -> None:
    with mail_server() as server:
        said = refusal(receiver(server, user="porteye", password=PASSWORD), message)
    assert said == "127.0.0.1 offers no login."


@pytest.mark.parametrize(
    "greeting", [b"", b"220 hi", b"220-hi\r\n220-", b"554 go away\r\n", b"HTTP/1.1 400\r\n"]
)
def test_a_server_that_hangs_or_speaks_otherwise_is_told(message: Message, greeting: bytes) -> None:
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(greeting)
                ended.wait()

        thread = threading.Thread(target=serve)
        thread.start()
        server = MailServer(port=listening.getsockname()[1])
        said = refusal(receiver(server), message, 0.4)
        ended.set()
        thread.join()
    assert said in {
        "127.0.0.1 did not answer within 0.4 s.",
        "127.0.0.1 refused the connection or the mail (status 554).",
        "127.0.0.1 refused the connection or the mail (status -1).",
    }


def test_the_password_is_in_no_sentence_even_if_the_server_repeats_it(message: Message) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, connection.makefile("rb") as lines:
                connection.sendall(b"220 hi\r\n")
                for line in lines:
                    if line.upper().startswith(b"EHLO"):
                        connection.sendall(b"250-x\r\n250 AUTH PLAIN\r\n")
                    else:
                        told = base64.b64decode(line.split()[-1]).replace(b"\0", b" ")
                        connection.sendall(b"535 wrong: " + told + b"\r\n")
                        break

        thread = threading.Thread(target=serve)
        thread.start()
        server = MailServer(port=listening.getsockname()[1])
        said = refusal(receiver(server, user="porteye", password=PASSWORD), message)
        thread.join()
    assert PASSWORD not in said
    assert said == "127.0.0.1 refused the login (status 535)."
