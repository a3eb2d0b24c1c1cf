"""Flags that carry a secret for one client only: -p is a port to many others."""

from collections.abc import Sequence
from typing import NamedTuple

from porteye_core.owner.mask_places import PLACED_CLIENTS, places

_MYSQL = ("mysql", "mariadb", "mysqldump", "mariadb-dump", "mysqladmin", "mariadb-admin")
_MONGO = ("mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport")
_SHELLS = ("sh", "bash", "dash", "zsh", "ksh", "ash", "fish", "su")
_INTERPRETERS = ("python", "python3")
_WHOLE = {
    (*_MYSQL, *_MONGO): ("-p",),
    ("mysqladmin", "mariadb-admin"): ("-p", "password"),
    ("nmcli",): ("password", "wifi-sec.psk"),
    ("ncftpget", "ncftpput", "ncftpls", "rabbitmqadmin", "useradd", "usermod"): ("-p",),
    ("sshpass", "7z", "7za", "7zr", "unrar", "rar"): ("-p",),
    ("docker", "podman", "nerdctl", "helm", "oc", "az"): ("-p",),
    ("redis-cli", "redis-benchmark"): ("-a",),
    ("ldapsearch", "ldapadd", "ldapmodify", "ldapwhoami", "ldapdelete"): ("-w",),
    ("ldappasswd",): ("-w", "-s", "-a"),
    ("openssl",): ("-k", "-K"),
    ("consul", "nomad", "serf"): ("-encrypt",),
    ("ss-server", "ss-local", "ss-redir", "ss-tunnel", "ssserver", "sslocal"): ("-k",),
    ("snmpwalk", "snmpget", "snmpset", "snmpbulkwalk"): ("-A", "-X", "-c"),
    ("transmission-daemon",): ("-v",),
    ("sqlcmd", "bcp", "osql", "isql", "mosquitto_pub", "mosquitto_sub", "zip", "unzip"): ("-P",),
    ("ipmitool", "rdesktop"): ("-P", "-p"),
    ("ssh-keygen",): ("-N", "-P"),
    ("xfreerdp", "xfreerdp3", "wfreerdp"): ("-p", "/p:"),
    ("influx", "cqlsh", "clickhouse-client"): ("-p", "-password"),
    # sshpass and its like run these, whose -p is a port again.
    ("ssh", "scp", "sftp", "rsync", *_SHELLS, *_INTERPRETERS): (),
}
# Flags whose value is user:password, user%password, user,password or name=secret: the first part
# stays readable.
_SECOND_PART = {
    ("curl", "wget", "http", "https"): (
        *("-u", "--user", "-a", "--auth", "-U", "--proxy-user", "-b", "--cookie"),
    ),
    ("smbclient", "rpcclient", "net"): ("-U", "--user"),
    ("lftp",): ("-u", "--user"),
    ("kubectl", "oc"): ("--from-literal",),
    ("ttyd", "transmission-remote"): ("-c", "-n", "--credential", "--auth"),
}
# Their flags are words: -key is not -k with a value behind it.
_APART = ("openssl", "consul", "nomad", "serf", "influx", "cqlsh", "nmcli", "transmission-daemon")
# The -p of these is a port or a project unless this subcommand stands behind the client's name.
_SUBCOMMAND = dict.fromkeys(("docker", "podman", "nerdctl", "helm", "oc", "az"), "login")
_FARTHEST_SUBCOMMAND = 16  # words: global options may stand between, and no line is read twice


def _by_client(flags: dict[tuple[str, ...], tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {client: each for clients, each in flags.items() for client in clients}


_WHOLE_OF = _by_client(_WHOLE)
_SECOND_PART_OF = _by_client(_SECOND_PART)
_CLIENTS = frozenset((*_WHOLE_OF, *_SECOND_PART_OF, *PLACED_CLIENTS))


class Flags(NamedTuple):
    """The flags of the client whose words are being read."""

    whole: tuple[str, ...] = ()
    second_part: tuple[str, ...] = ()
    prompts: bool = False  # the flag alone asks for the password: what follows is another flag
    is_shell: bool = False
    runs_text: bool = False  # the word behind -c is a program, not one value
    client: str = ""
    joins: bool = True  # -phunter2 is -p and its value
    places: frozenset[int] = frozenset()  # of words that are secrets, in the whole command line

    def at(self, argv: Sequence[str], position: int) -> "Flags":
        """The flags that hold from this word on: others if the word names a client."""
        word = argv[position]
        client = word.replace("\\", "/").rpartition("/")[2].removesuffix(".exe")
        if word.startswith("-") or client not in _CLIENTS:
            return self
        rest = argv[position + 1 : position + _FARTHEST_SUBCOMMAND]
        if client in _SUBCOMMAND and _SUBCOMMAND[client] not in rest:
            return Flags(places=self.places)
        return Flags(
            _WHOLE_OF.get(client, ()),
            _SECOND_PART_OF.get(client, ()),
            client in _MYSQL or client in _MONGO,
            client in _SHELLS,
            client in _SHELLS or client in _INTERPRETERS,
            client,
            client not in _APART,
            # A file may be called as a client is: what was found before it goes on to hold.
            self.places | {position + at for at in places(client, [word, *rest])},
        )
