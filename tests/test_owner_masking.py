"""Forty command lines as people type them, and words that only look like secrets."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porteye_core.owner.masking import MASK, mask

SECRET = "hunter2swordfish"
LEAKS = [
    "app --password=hunter2swordfish",
    "app --password hunter2swordfish --port 80",
    "app -password hunter2swordfish",
    "app --db-password=hunter2swordfish",
    "app --passwd hunter2swordfish",
    "app --pwd=hunter2swordfish",
    "app --token=hunter2swordfish",
    "app --auth-token hunter2swordfish",
    "app --api-key hunter2swordfish",
    "app --apikey=hunter2swordfish",
    "app --client-secret hunter2swordfish",
    "app --clientSecret=hunter2swordfish",
    "app --aws-secret-access-key hunter2swordfish",
    "app --private-key hunter2swordfish",
    "app --passphrase 'hunter2swordfish'",
    "env TOKEN=hunter2swordfish app",
    "env DB_PASSWORD=hunter2swordfish app",
    "PGPASSWORD=hunter2swordfish psql",
    "env MYSQL_PWD=hunter2swordfish mysqld",
    "GITHUB_TOKEN=hunter2swordfish gh",
    "mysql -uroot -phunter2swordfish",
    "/usr/bin/mysqldump -u root -p hunter2swordfish db",
    "mongosh -u admin -p hunter2swordfish",
    "sshpass -p hunter2swordfish ssh host",
    "redis-cli -a hunter2swordfish",
    "redis-server --requirepass hunter2swordfish",
    "ldapsearch -D cn=admin -w hunter2swordfish",
    "docker login -u bob -p hunter2swordfish",
    "sqlcmd -S host -P hunter2swordfish",
    "7z a -phunter2swordfish x.7z",
    "curl -u bob:hunter2swordfish http://host/",
    "curl --user bob:hunter2swordfish http://host/",
    "smbclient //host/share -U bob%hunter2swordfish",
    "curl -H 'Authorization: Bearer hunter2swordfish' http://host/",
    "curl -H 'Authorization: Basic hunter2swordfish' http://host/",
    "curl -H 'X-Api-Key: hunter2swordfish' http://host/",
    "psql postgres://bob:hunter2swordfish@host/db",
    "app --url=https://bob:hunter2swordfish@host/path",
    "curl 'https://host/path?access_token=hunter2swordfish&page=1'",
    "java -Dspring.datasource.password=hunter2swordfish -jar app.jar",
    "app --dsn 'Server=host;User Id=sa;Password=hunter2swordfish;Timeout=3'",
    "psql 'host=db user=bob password=hunter2swordfish'",
    'app --config \'{"password": "hunter2swordfish", "port": 80}\'',
    "sh -c 'mysql -phunter2swordfish db && echo done'",
    'bash -c "PGPASSWORD=hunter2swordfish psql -h host"',
    "git clone https://ghp_hunter2swordfishABCDEFGH@github.example/x",
]
HARMLESS = [
    "nginx -g daemon off;",
    "python3 -m http.server -p 8765",
    "ssh -p 22 host",
    "docker run -p 80:80 nginx",
    "app --author bob --path=/x --pattern=foo --compass=3",
    "app --token-file /run/token --password-file=/run/password",
    "app --tokenizer bert --passive --bypass --keyfile=/a",
    "git clone https://github.example/owner/name",
    "env PATH=/usr/bin HOME=/root app",
    "redis-server 127.0.0.1:6379",
    "ssh-agent -a /tmp/agent.sock",
]


@pytest.mark.parametrize("command", LEAKS)
def test_the_secret_is_gone_and_the_rest_stays(command: str) -> None:
    words = shlex.split(command)
    masked = mask(words)
    assert SECRET not in " ".join(masked)
    assert MASK in " ".join(masked)
    assert masked[0] == words[0] or "=" in words[0]
    assert len(masked) == len(words)


@pytest.mark.parametrize("command", HARMLESS)
def test_what_only_looks_like_a_secret_stays(command: str) -> None:
    assert mask(command.split()) == command.split()


def test_the_text_around_a_masked_shell_command_is_unchanged() -> None:
    assert mask(["sh", "-c", "mysql -phunter2 db && echo done"])[2] == "mysql -p*** db && echo done"


@given(st.lists(st.text()))
def test_any_words_can_be_masked_and_none_is_lost(words: list[str]) -> None:
    assert len(mask(words)) == len(words)
