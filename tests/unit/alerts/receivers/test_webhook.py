"""Webhooks: a real server of HTTP gets each message, or says why not."""

import base64
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from porteye_core.alerts.receivers.kinds import Webhook
from porteye_core.alerts.receivers.message import Message
from porteye_core.alerts.receivers.not_sent import NotSent
from porteye_core.alerts.receivers.time_limit import TimeLimit
from porteye_core.alerts.receivers.webhook import send, signature
from tests.kit.certificates import Certificate, needs_openssl
from tests.kit.sinks import Hook, Posted, accept, say, webhook

KEY = b"0123456789abcdef"


def receiver(port: int, **more: object) -> Webhook:
    found = Webhook(name="ops", is_tls=False, host="127.0.0.1", port=port, path="/T0p?x=1")
    return replace(found, **more)  # type: ignore[arg-type]


def refusal(to: Webhook, message: Message, seconds: float = 20) -> NotSent:
    with TimeLimit(seconds) as limit, pytest.raises(NotSent) as raised:
        send(to, message, limit)
    return raised.value


def test_the_server_gets_the_body_with_the_headers_of_standard_webhooks(message: Message) -> None:
    with webhook() as hook, TimeLimit(20) as limit:
        send(receiver(hook.port, secret=KEY, headers=(("X-Token", "abc"),)), message, limit)
    (posted,) = hook.taken
    assert posted.path == "/T0p?x=1"
    assert json.loads(posted.body) == message.body
    headers = posted.headers
    assert headers["Content-Type"] == "application/json"
    assert (headers["webhook-id"], headers["X-Token"]) == ("msg_1", "abc")
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert headers["webhook-signature"] == signature(
        KEY, "msg_1", headers["webhook-timestamp"], posted.body
    )


def test_the_signature_is_that_of_standard_webhooks() -> None:
    # The vector that its libraries are tested with.
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signature(
        secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}'
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_each_try_has_the_same_id_and_body(message: Message) -> None:
    with webhook() as hook:
        for _ in range(2):
            with TimeLimit(20) as limit:
                send(receiver(hook.port), message, limit)
    first, second = hook.taken
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (500, "127.0.0.1 answered 500."),
        (404, "127.0.0.1 answered 404."),
        (410, "127.0.0.1 answered 410: it wants no more messages."),
    ],
)
def test_a_status_that_is_no_yes_is_told(message: Message, status: int, said: str) -> None:
    with webhook(lambda request, *_: say(request, status)) as hook:
        found = refusal(receiver(hook.port), message)
    assert found.message == said
    assert found.is_final is (status == 410)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(message: Message, status: int) -> None:
    with webhook() as inside:

        def redirect(request: BaseHTTPRequestHandler, _: Posted, __: Hook) -> None:
            say(request, status, Location=f"http://127.0.0.1:{inside.port}/s3cret")

        with webhook(redirect) as hook:
            found = refusal(receiver(hook.port), message)
    assert found.message == f"127.0.0.1 answered {status}, a redirect, and none is followed."
    assert inside.taken == []


@pytest.mark.parametrize(
    ("told", "least", "most"),
    [("120", 120, 120), ("soon", 0, 0), ("-5", 0, 0), ("٣", 0, 0), ("9" * 400, 9e8, 1e9)],
)
def test_the_time_that_the_server_asks_for_is_read(
    message: Message, told: str, least: float, most: float
) -> None:
    def busy(request: BaseHTTPRequestHandler, _: Posted, __: Hook) -> None:
        request.send_response(429)
        request.headers  # noqa: B018 - read whole before the answer
        request.wfile.write(b"")
        request._headers_buffer.append(f"Retry-After: {told}\r\n".encode())  # type: ignore[attr-defined]
        request.end_headers()

    with webhook(busy) as hook:
        assert least <= refusal(receiver(hook.port), message).wait <= most


def test_a_date_to_come_back_at_is_read(message: Message) -> None:
    def busy(request: BaseHTTPRequestHandler, _: Posted, __: Hook) -> None:
        say(request, 503, Retry_After=formatdate(time.time() + 600, usegmt=True))

    with webhook(busy) as hook:
        assert 590 < refusal(receiver(hook.port), message).wait <= 600


@contextmanager
def server(answer: bytes, *, drips: bool = False) -> Iterator[int]:
    """A server that answers with these bytes and then says nothing more, or drips for ever."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(answer)
                while not ended.wait(0.05):
                    if drips:
                        try:
                            connection.sendall(b"x")
                        except OSError:
                            return

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            ended.set()
            thread.join()


@pytest.mark.parametrize("drips", [False, True])
@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 O", b"HTTP/1.1 200 OK\r\nX-A: "])
def test_a_server_that_hangs_or_drips_ends_at_the_time_limit(
    message: Message, answer: bytes, *, drips: bool
) -> None:
    with server(answer, drips=drips) as port:
        found = refusal(receiver(port), message, 0.3)
    assert found.message == "127.0.0.1 did not answer within 0.3 s."


def test_a_body_that_never_ends_is_no_matter_after_the_yes(message: Message) -> None:
    with server(b"HTTP/1.1 200 OK\r\n\r\n", drips=True) as port, TimeLimit(0.3) as limit:
        send(receiver(port), message, limit)


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\0" * 70_000, b"HTTP/1.1 yes\r\n\r\n", b"x" * 100_000]
)
def test_a_server_of_another_protocol_is_told(message: Message, answer: bytes) -> None:
    with server(answer) as port:
        assert refusal(receiver(port), message).message == "127.0.0.1 gave no answer of HTTP."


def test_a_closed_port_and_a_name_without_an_address_are_told(message: Message) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert refusal(receiver(port), message).message == "127.0.0.1 refuses the connection."
    absent = receiver(1, host="absent.invalid")
    assert refusal(absent, message).message.startswith("The name absent.invalid has no address: ")


def test_a_server_that_closes_is_told(message: Message) -> None:
    with webhook(lambda request, *_: request.connection.close()) as hook:
        assert refusal(receiver(hook.port), message).message == "127.0.0.1 closed the connection."


@needs_openssl
def test_a_certificate_is_trusted_only_if_its_authority_is(
    message: Message, tmp_path: Path
) -> None:
    good, other = Certificate.of(tmp_path), Certificate.of(tmp_path)
    with webhook(accept, good.server) as hook:
        to = receiver(hook.port, is_tls=True, ca=good.file)
        with TimeLimit(20) as limit:
            send(to, message, limit)
        assert [each.headers["Host"] for each in hook.taken] == [f"127.0.0.1:{hook.port}"]
        for ca in (other.file, None):
            said = refusal(replace(to, ca=ca), message).message
            assert said.startswith("The certificate of 127.0.0.1 is not trusted: self-signed")
        empty = tmp_path / "empty.pem"
        empty.touch()
        said = refusal(replace(to, ca=empty), message).message
        assert said.startswith(f"The certificates of {empty} cannot be read: ")
    assert len(hook.taken) == 1


@needs_openssl
def test_a_certificate_of_another_name_is_refused(message: Message, tmp_path: Path) -> None:
    certificate = Certificate.of(tmp_path, "DNS:other.example")
    with webhook(accept, certificate.server) as hook:
        said = refusal(receiver(hook.port, is_tls=True, ca=certificate.file), message).message
    assert said.startswith("The certificate of 127.0.0.1 is not trusted: IP address mismatch")
    assert hook.taken == []


def test_a_server_without_tls_is_told(message: Message) -> None:
    with webhook() as hook:
        said = refusal(receiver(hook.port, is_tls=True), message).message
    assert said.startswith(("TLS with 127.0.0.1 failed: ", "127.0.0.1 closed the connection."))


@pytest.mark.parametrize("drips", [False, True])
def test_a_try_ends_at_once_when_the_process_stops(message: Message, *, drips: bool) -> None:
    with server(b"HTTP/1.1 200 ", drips=drips) as port, TimeLimit(60) as limit:
        threading.Timer(0.2, limit.end).start()
        with pytest.raises(NotSent):
            send(receiver(port), message, limit)
