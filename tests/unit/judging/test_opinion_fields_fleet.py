"""Opinions at the end of a file over many hosts: each row has those of its own host."""

from pathlib import Path
from typing import Any

from porteye_core.config import Config
from porteye_core.judging import opinion_fields
from porteye_core.judging.opinion_fields import fleet_opinion_fields
from porteye_core.store.alerts import Note
from porteye_core.store.reading import USE_COLUMNS

_NGINX = '["tcp", 80, "every interface", "nginx", "www"]'
_BLOCKS = """
[[expected]]
port = 80
program = "nginx"
hosts = ["web*"]
"""


def row(host: str, port: int = 80) -> dict[str, Any]:
    owner = {"process": "nginx", "exe": "/usr/sbin/nginx", "cmdline": "nginx", "user": "www"}
    place = {"protocol": "tcp", "port": port, "address": "0.0.0.0", "namespace": "own"}
    return {**dict.fromkeys(USE_COLUMNS), **place, **owner, "host": host}


def said(config: Config, notes: list[Note], *rows: dict[str, Any]) -> list[list[str]]:
    fields = fleet_opinion_fields(config, notes, 10)
    return [[field.value(each) for field in fields.values()] for each in rows]


def test_a_note_counts_on_its_own_host_alone(tmp_path: Path) -> None:
    notes = [
        Note(_NGINX, label="shop", at=1, host="web1"),
        Note(_NGINX, accepted_at=1, at=1, host="db1"),
    ]
    (tmp_path / "expected.toml").write_text(_BLOCKS)
    config = Config(tmp_path / "porteye.db", fleet="of tests")
    rows = row("web1"), row("db2"), row("db1")
    assert said(config, notes, *rows) == [
        ["shop", "", "wider"],
        ["", "", "new"],
        ["", "", "accepted"],
    ]


def test_a_block_counts_on_the_hosts_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "expected.toml").write_text(_BLOCKS)
    config = Config(tmp_path / "porteye.db", fleet="of tests")
    found = said(config, [], row("web1"), row("db1"), row("web1", 81))
    assert [verdict for *_, verdict in found] == ["wider", "new", "new"]


def test_where_nobody_says_anything_every_opinion_is_empty(tmp_path: Path) -> None:
    config = Config(tmp_path / "porteye.db", fleet="of tests")
    assert list(fleet_opinion_fields(config, [], 10)) == ["label", "note", "verdict"]
    assert said(config, [], row("web1"), row("db1", 81)) == [["", "", ""]] * 2


def test_opinions_that_are_forgotten_are_formed_again(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(opinion_fields, "_MOST", 2)
    notes = [Note(_NGINX, label="shop", at=1, host="web1")]
    config = Config(tmp_path / "porteye.db", fleet="of tests")
    rows = [row(host) for host in ("web1", "web2", "web3", "web1", "web3")]
    assert [label for label, *_ in said(config, notes, *rows)] == ["shop", "", "", "shop", ""]
