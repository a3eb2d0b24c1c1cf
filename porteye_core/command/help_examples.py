"""Examples of each command, and the exit statuses, as the help shows them."""

EXAMPLES_OF = {
    "who": """\
  porteye who 3000                     since when, and who started it
  porteye who 3000 --at "last tue 03:10"
  porteye who nginx                    a program, unit, container, user:dev or address
  porteye who --pid 812
  npm start 2>&1 | porteye who -       the port that an error message names
""",
    "now": """\
  porteye now --exposed                what other machines can reach
  porteye now --port 80,443,8000-8999
  porteye now --user postgres --json
""",
    "history": """\
  porteye history --port 3000 --since yesterday
  porteye history --kind opened --exposure reachable --limit 20
  porteye history --follow --json      a line of JSON for each, as it happens
""",
    "diff": """\
  porteye diff yesterday               what changed from its beginning to now
  porteye diff "last fri 18:00" "today 08:00"
  porteye diff "1h ago" --exposure reachable
""",
    "export": """\
  porteye export --csv ports.csv --since "30 days ago"
  porteye export --parquet ports.parquet
  porteye export --json - --port 3000
""",
    "metrics": """\
  porteye metrics
  porteye metrics --textfile /var/lib/node_exporter/porteye.prom
""",
    "check": """\
  porteye check                        by the file beside the database, or /etc/porteye's
  porteye check --at "last tue 03:10"
  porteye check --expected expected.toml --junit > report.xml
""",
    "learn": """\
  porteye learn > expected.toml        read it before it is put into force
  porteye learn --since "90 days ago"
  porteye learn --diff                 what the file lacks, and what it has too much
""",
    "expected": """\
  porteye expected --export >> expected.toml
""",
    "service": """\
  porteye service install --user --now
  porteye service install --print --for launchd
  porteye service remove
""",
    "health": """\
  porteye health --json                the record of /api/health
""",
    "backup": """\
  porteye backup /backups/porteye.db   it overwrites nothing
""",
    "fleet": """\
  porteye fleet init --server postgresql://admin@db.example/fleet
  porteye fleet enrol web1 --reached "host=db.example sslmode=verify-full"
  porteye fleet reader page            a login for the page
  porteye fleet hosts                  who reports, is silent or behind
  porteye fleet who 3306 --at "last tue 03:10"
  porteye fleet new --since yesterday  ports that no host had before
  porteye fleet now --host "web*" --port 3306
  porteye fleet exposed                which services others reach, and on how many hosts
  porteye fleet history --since "2h ago" --all --csv > history.csv
""",
    "ship": """\
  porteye ship /etc/porteye/web1.fleet
""",
    "mcp": """\
  porteye mcp                          started by the assistant, over standard input
""",
    "completion": """\
  porteye completion bash > ~/.local/share/bash-completion/completions/porteye
""",
}
STATUSES = """
exit status: 0 held or answered, 1 nobody holds it or watches (diff: something changed), 2 wrong
use, 3 cannot say; check: 0 as expected, 1 missing or not known, 2 new, wider or another owner
"""
