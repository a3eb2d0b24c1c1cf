"""A test message from the command line."""

import json
from pathlib import Path

import pytest

from porteye_core.alerts.command_line import main
from tests.kit.sinks import say, webhook


def written(folder: Path, *ports: int) -> Path:
    """A file with a webhook for each port."""
    file = folder / "alerts.toml"
    file.touch(0o600)
    file.write_text(
        "".join(
            f'[[receiver]]\nname = "r{at}"\nkind = "webhook"\nurl = "http://127.0.0.1:{port}/s3"\n'
            for at, port in enumerate(ports)
        )
    )
    return file


def test_a_test_message_goes_to_each_receiver_and_the_answer_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with webhook() as good, webhook(lambda request, *_: say(request, 500)) as bad:
        file = written(tmp_path, good.port, bad.port)
        assert main(["--alerts", str(file), "--test"]) == 1
        assert capfd.readouterr().out == (
            f"r0 (webhook 127.0.0.1:{good.port}): sent.\n"
            f"r1 (webhook 127.0.0.1:{bad.port}): not sent. 127.0.0.1 answered 500.\n"
        )
        assert main(["--alerts", str(file), "--test", "r0"]) == 0
    assert [json.loads(each.body)["type"] for each in good.taken] == ["porteye.test"] * 2
    assert list(tmp_path.iterdir()) == [file]  # it needs no database


def test_a_receiver_that_is_not_there_is_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    file = written(tmp_path, 1)
    assert main(["--alerts", str(file), "--test", "r\x1b9"]) == 2
    assert caplog.messages == [
        f"{file} has no receiver of the name r\\x1b9. Add one, as docs/alerts.md shows."
    ]
