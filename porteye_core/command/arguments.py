"""The command line of `porteye`; docs/command.md names each command and flag."""

import argparse

from porteye_core import __version__, filters
from porteye_core.command.completion import SHELLS
from porteye_core.command.help_examples import EXAMPLES_OF, STATUSES
from porteye_core.metrics.limits import MAX_LABEL_SETS, MIN_LABEL_SETS, TEXTFILE_LABEL_SETS

MANAGERS = ("systemd", "launchd", "windows")  # of services
_FLEET_ACTIONS = (
    *("init", "enrol", "reader", "retire", "tidy"),
    *("hosts", "who", "new", "now", "exposed", "history"),
)


def commands() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command, by its name."""
    (found,) = [
        action.choices
        for action in parser()._actions  # noqa: SLF001 - argparse tells its commands nowhere else
        if isinstance(action, argparse._SubParsersAction)  # noqa: SLF001
    ]
    return dict(found)


def parser() -> argparse.ArgumentParser:
    """The parser of every command."""
    top = argparse.ArgumentParser(
        prog="porteye",
        description="What listens on this machine: every port, its process, since when and why.",
        epilog=f"examples:\n{_examples()}{STATUSES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"PortEye {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    common = _common()
    _who(commands.add_parser("who", parents=[common], help="who holds a port, now or before"))
    now = commands.add_parser("now", parents=[common], help="what listens now")
    now.add_argument("--exposed", action="store_true", help="only what other hosts can reach")
    _filters(now)
    history = commands.add_parser("history", parents=[common], help="what opened and closed")
    _filters(history)
    _history(history)
    diff = commands.add_parser("diff", parents=[common], help="what changed between two times")
    _two_times(diff)
    _listener_filters(diff)
    _export(commands.add_parser("export", help="write the history to a file"))
    commands.add_parser("health", parents=[common], help="the state of the monitor")
    _doors(commands)
    _service(commands.add_parser("service", help="the monitor as a service of the machine"))
    _metrics(commands.add_parser("metrics", help="numbers for Prometheus"))
    _check(commands.add_parser("check", help="judge what listens by the expected ports"))
    _learn(commands.add_parser("learn", help="print expected ports from the history"))
    _export_expected(commands.add_parser("expected", help="print what people have accepted"))
    _fleet(commands.add_parser("fleet", help="many hosts in one PostgreSQL"))
    _ship(commands.add_parser("ship", help="ship this host's history to the fleet's server"))
    for name, examples in EXAMPLES_OF.items():
        commands.choices[name].epilog = f"examples:\n{examples}"
        commands.choices[name].formatter_class = argparse.RawDescriptionHelpFormatter
    return top


def _examples() -> str:
    """Those of `who`, and the first of each other command."""
    who, *others = EXAMPLES_OF.values()
    return who + "".join(each.splitlines(keepends=True)[0] for each in others)


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    _db(common)
    common.add_argument("--json", action="store_true", help="the records of the JSON API")
    return common


def _db(of: argparse.ArgumentParser) -> None:
    of.add_argument(
        "--db", metavar="PATH", help="the database (default: PORTEYE_DB, else porteye.db)"
    )


def _who(who: argparse.ArgumentParser) -> None:
    who.add_argument(
        "what",
        nargs="*",
        metavar="WHAT",
        help="a port, program, user:NAME, unit, container, address, URL, error message or a line of"
        " ss, lsof or docker ps; - reads it from standard input",
    )
    who.add_argument("--pid", type=_pid, metavar="PID", help="the listeners of a process")
    _at(who)


def _at(of: argparse.ArgumentParser) -> None:
    of.add_argument(
        "--at", default="", metavar="TIME", help='a time before: "last tue 03:10", "2h ago"'
    )


def _two_times(diff: argparse.ArgumentParser) -> None:
    diff.add_argument("one", metavar="FROM", help='a time before: yesterday, "last tue 03:10"')
    diff.add_argument("other", nargs="?", default="now", metavar="TO", help="default: now")


def _listener_filters(of: argparse.ArgumentParser) -> "argparse._ArgumentGroup":
    group = of.add_argument_group("filters, as in the API")
    for name, metavar, text in (
        ("port", "PORTS", "ports and ranges: 80,443,8000-8999; also 53/udp or an error"),
        ("process", "TEXT", "part of a process's name, title or command line"),
        ("protocol", "NAME", "tcp or udp"),
        ("exposure", "NAMES", f"any of: {', '.join(filters.EXPOSURES)}"),
        ("user", "NAME", "the owner's user, whole"),
        ("home", "TEXT", "part of the name of a unit or container"),
        ("address", "ADDRESS", "a whole address, * for IPv6 and IPv4 of every interface"),
    ):
        group.add_argument(f"--{name}", default="", metavar=metavar, help=text)
    return group


def _filters(of: argparse.ArgumentParser) -> None:
    group = _listener_filters(of)
    for name, metavar, text in (
        ("since", "TIME", 'not before this time: yesterday, "2h ago", 2026-11-24T03:10Z'),
        ("until", "TIME", "not after this time"),
    ):
        group.add_argument(f"--{name}", default="", metavar=metavar, help=text)


def _history(history: argparse.ArgumentParser) -> None:
    add = history.add_argument
    _kind(history)
    add("--limit", type=_limit, default=100, metavar="N", help="how many events (default: 100)")
    add("--before", type=_id, metavar="ID", help="only events before the one of this id")
    add("--follow", action="store_true", help="go on with what opens and closes from now on")


def _kind(of: argparse.ArgumentParser) -> None:
    of.add_argument("--kind", default="", metavar="KIND", help="opened or closed")


def _export(export: argparse.ArgumentParser) -> None:
    _db(export)
    group = export.add_mutually_exclusive_group(required=True)
    for form, what in (
        ("csv", "CSV, or to standard output by -"),
        ("json", "the records of the JSON API, or to standard output by -"),
        ("parquet", "Parquet, which needs pyarrow"),
    ):
        group.add_argument(f"--{form}", metavar="FILE", help=what)
    _filters(export)
    _kind(export)


def _doors(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    monitor = commands.add_parser(
        "monitor", help="watch and record; its own flags: porteye monitor --help", add_help=False
    )
    monitor.add_argument("words", nargs=argparse.REMAINDER)
    alerts = commands.add_parser(
        "alerts", help="tell what is not expected: porteye alerts --help", add_help=False
    )
    alerts.add_argument("words", nargs=argparse.REMAINDER)
    dashboard = commands.add_parser(
        "dashboard", help="the page and the API; further flags are those of streamlit run"
    )
    _db(dashboard)
    backup = commands.add_parser("backup", help="copy the database to a new file and check it")
    backup.add_argument("file", metavar="FILE")
    _db(backup)
    _db(commands.add_parser("mcp", help="answer an assistant by the Model Context Protocol"))
    completion = commands.add_parser("completion", help="print what completes words in a shell")
    completion.add_argument("shell", choices=SHELLS)


def _service(service: argparse.ArgumentParser) -> None:
    add = service.add_argument
    add("action", choices=("install", "status", "remove"))
    add("--user", action="store_true", help="a service of this user, without root's rights")
    add("--now", action="store_true", help="enable and start it, too")
    add("--force", action="store_true", help="overwrite or remove what somebody has changed")
    add("--print", action="store_true", help="only print the file that install writes")
    add(
        "--for",
        dest="manager",
        choices=MANAGERS,
        metavar="MANAGER",
        help=f"with --print: {', '.join(MANAGERS)} (default: this system's)",
    )


def _metrics(metrics: argparse.ArgumentParser) -> None:
    _db(metrics)
    metrics.add_argument(
        "--textfile",
        metavar="FILE",
        help="write them to this file, which ends in .prom, for the textfile collector of"
        " node_exporter, instead of standard output",
    )
    metrics.add_argument(
        "--limit",
        type=_label_sets,
        metavar="N",
        help="at most so many label sets of listeners, the rest is summed (default:"
        f" {TEXTFILE_LABEL_SETS} with --textfile, else {MAX_LABEL_SETS})",
    )


def _expected(of: argparse.ArgumentParser) -> None:
    _db(of)
    of.add_argument(
        "--expected",
        metavar="FILE",
        help="the expected ports (default: PORTEYE_EXPECTED, else expected.toml beside the database"
        " or in /etc/porteye)",
    )
    of.add_argument(
        "--alerts-db",
        metavar="PATH",
        help="what was accepted (default: PORTEYE_ALERTS_DB, else porteye-alerts.db beside the"
        " database)",
    )


def _check(check: argparse.ArgumentParser) -> None:
    _expected(check)
    _at(check)
    form = check.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="a record for each verdict")
    form.add_argument("--nagios", action="store_true", help="a line as a plugin of Nagios")
    form.add_argument("--junit", action="store_true", help="a report as JUnit's, for CI")


def _learn(learn: argparse.ArgumentParser) -> None:
    _expected(learn)
    learn.add_argument(
        "--since",
        default="30 days ago",
        metavar="TIME",
        help="how far back the history counts (default: 30 days ago)",
    )
    learn.add_argument(
        "--diff", action="store_true", help="only what the file lacks, and what it has too much"
    )


def _export_expected(of: argparse.ArgumentParser) -> None:
    _expected(of)
    of.add_argument(
        "--export", action="store_true", required=True, help="as blocks of the expected ports"
    )


def _fleet(fleet: argparse.ArgumentParser) -> None:
    add = fleet.add_argument
    add("action", choices=_FLEET_ACTIONS)
    add(
        "of",
        nargs="?",
        metavar="HOST|NAME|PORT",
        help="a host for enrol and retire, a name for reader, a port for who",
    )
    add(
        "--server",
        metavar="ADDRESS",
        help="the PostgreSQL of the fleet, with its administrator, or a reader for questions"
        " (default: PORTEYE_FLEET)",
    )
    add("--file", metavar="FILE", help="where a login is written (default: HOST.fleet, NAME.fleet)")
    add(
        "--reached",
        default="",
        metavar="ADDRESS",
        help="where the login is used: how that place reaches the server, if not as this command",
    )
    add("--certificate", action="store_true", help="enrol: a login by certificate, not by password")
    _at(fleet)
    _fleet_rows(fleet)
    form = fleet.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="questions: as records")
    form.add_argument("--csv", action="store_true", help="now, exposed and history: as CSV")


def _fleet_rows(fleet: argparse.ArgumentParser) -> None:
    add = fleet.add_argument
    add("--host", default="", metavar="NAMES", help="names and patterns of hosts: web*,db1")
    _filters(fleet)
    _kind(fleet)
    add("--limit", type=_limit, default=100, metavar="N", help="how many events (default: 100)")
    add("--before", default="", metavar="PLACE", help="history: only events before this place")
    add("--all", action="store_true", help="history: every event, with --csv or --json")


def _ship(ship: argparse.ArgumentParser) -> None:
    ship.add_argument("file", metavar="FILE", help="the login that porteye fleet enrol wrote")
    _db(ship)
    ship.add_argument(
        "--interval",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="how often to look for news; from 60 on it disconnects between (default: 10)",
    )
    ship.add_argument(
        "--beat",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how often to show without news that this host is alive; after three of these without"
        " a sign it counts as silent (default: 60)",
    )
    ship.add_argument("--once", action="store_true", help="ship what there is, and end")


def _pid(text: str) -> int:
    return _number(text, 2**31 - 1, "a pid")


def _limit(text: str) -> int:
    return _number(text, filters.MAX_RECORDS, f"a number from 1 to {filters.MAX_RECORDS}")


def _label_sets(text: str) -> int:
    of = f"a number from {MIN_LABEL_SETS} to {MAX_LABEL_SETS}"
    return _number(text, MAX_LABEL_SETS, of, MIN_LABEL_SETS)


def _id(text: str) -> int:
    return _number(text, 2**63 - 1, "the id of an event")


def _number(text: str, most: int, what: str, least: int = 1) -> int:
    if text.isascii() and text.isdecimal() and len(text) < 20 and least <= int(text) <= most:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text[:40]!r} is not {what}")
