"""A host and its server prove who they are: by password and channel binding, or by certificates."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from porteye_core.errors import FleetError, FleetRefused
from porteye_core.store.fleet.administration.enrolment import enrol, is_local, login_of, make_reader
from porteye_core.store.fleet.administration.migrations import migrate
from porteye_core.store.fleet.server import connect
from porteye_core.store.writing.writer import Writer
from tests.kit.certificates import Certificate, needs_openssl
from tests.kit.fleet import Fleet, rows_at_home, rows_that_arrived, ship
from tests.kit.man_between import man_between
from tests.kit.opener import address_of
from tests.kit.postgres import Access, cluster, needs_postgres
from tests.kit.seeding import seed
from tests.kit.values import SECOND

pytestmark = [needs_postgres, needs_openssl]

NOW = 1_790_000_000 * SECOND
ADDRESS = address_of(os.getpid())  # of this process alone


@dataclass(frozen=True)
class Server:
    """A server with a certificate of an authority; it takes hosts by certificate in one database,
    by password in the other."""

    folder: Path
    authority: Certificate
    by_password: Fleet
    by_certificate: Fleet
    log: Path

    def enrol(self, name: str, *, more: str = "") -> str:
        with connect(self.by_password.address) as server:
            return enrol(server, name, f"host={ADDRESS} {more}")

    def enrol_certified(self, name: str) -> tuple[str, Certificate]:
        """The address of a host that has a certificate, and that."""
        reached = f"host={ADDRESS} sslmode=verify-full sslrootcert={self.authority.file}"
        with connect(self.by_certificate.address) as server:
            address = enrol(server, name, reached, by_certificate=True)
        own = self.authority.issue(self.folder, login_of(address))
        return address, own


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with TemporaryDirectory(prefix="porteye-proofs-") as name:
        folder = Path(name)
        authority = Certificate.of(folder)
        own = authority.issue(folder, "db.example", f"IP:{ADDRESS}")
        files = (own.file, own.key, authority.file)
        settings = ("ssl_cert_file", "ssl_key_file", "ssl_ca_file")
        access = Access(
            ADDRESS,
            (
                "hostssl certified +porteye_agent all cert",
                "hostssl postgres +porteye_agent,+porteye_reader all scram-sha-256",
            ),
            (
                "ssl=on",
                "log_statement=ddl",
                *(f"{each}=../{file.name}" for each, file in zip(settings, files, strict=True)),
            ),
            files,
        )
        with cluster(access=access) as server:
            with connect(server.address) as admin:
                admin.execute("CREATE DATABASE certified")
            certified = make_conninfo(server.address, dbname="certified")
            for address in (server.address, certified):
                with connect(address) as admin:
                    migrate(admin)
                    admin.execute("UPDATE fleet.setting SET kept_from = 0, keep = 1 << 60")
            fleets = Fleet(server.address), Fleet(certified)
            yield Server(folder, authority, *fleets, server.folder / "log")


def test_by_default_the_server_proves_itself_by_the_password(
    running: Server, db: Path, writer: Writer
) -> None:
    seed(writer, NOW)
    address = running.enrol("web1")
    asked = conninfo_to_dict(address)
    assert (asked["sslmode"], asked["channel_binding"]) == ("require", "require")
    ship(db, address)
    assert rows_that_arrived(running.by_password) == rows_at_home(db)


def test_a_password_is_in_no_log_of_the_server(running: Server) -> None:
    password = str(conninfo_to_dict(running.enrol("web7"))["password"])
    log = running.log.read_text()
    assert "CREATE ROLE" in log
    assert password not in log


def test_nobody_can_stand_between_a_host_and_its_server(running: Server) -> None:
    own = Certificate.of(running.folder, f"IP:{ADDRESS}")
    address = running.enrol("web2")
    credulous = make_conninfo(address, channel_binding="disable")
    with man_between(ADDRESS, 5432, own) as port:
        connect(make_conninfo(credulous, port=port)).close()
        with pytest.raises(FleetError, match="SCRAM"):
            connect(make_conninfo(address, port=port))
    connect(address).close()


def test_a_server_of_another_authority_is_refused(running: Server) -> None:
    address = running.enrol(
        "web3", more=f"sslmode=verify-full sslrootcert={running.authority.file}"
    )
    assert "channel_binding" not in address
    connect(address).close()
    other = Certificate.of(running.folder)
    with pytest.raises(FleetError, match="certificate verify failed"):
        connect(make_conninfo(address, sslrootcert=str(other.file)))


def test_a_server_without_tls_is_refused(running: Server) -> None:
    address = running.enrol("web4", more="sslmode=disable")
    with pytest.raises(FleetError, match="no pg_hba"):
        connect(address)


def test_a_host_ships_by_its_own_certificate_alone(
    running: Server, db: Path, writer: Writer
) -> None:
    seed(writer, NOW)
    address, own = running.enrol_certified("web1")
    assert "password" not in address
    _, others = running.enrol_certified("web2")
    forged = Certificate.of(running.folder).issue(running.folder, login_of(address))
    ship(db, with_certificate(address, own))
    assert rows_that_arrived(running.by_certificate) == rows_at_home(db)
    for wrong in (others, forged):
        with pytest.raises(FleetError):
            connect(with_certificate(address, wrong))
    with pytest.raises(FleetError, match="certificate"):
        connect(make_conninfo(address, sslcert="/nowhere"))


def with_certificate(address: str, certificate: Certificate) -> str:
    return make_conninfo(address, sslcert=str(certificate.file), sslkey=str(certificate.key))


def test_a_reader_reads_and_nothing_else(running: Server) -> None:
    with connect(running.by_password.address) as server:
        address = make_reader(server, "page", f"host={ADDRESS} sslmode=require")
        with pytest.raises(FleetRefused, match="has a role page already"):
            make_reader(server, "page")
    with connect(address) as page:
        assert page.execute("SELECT count(*) FROM fleet.host").fetchone()
        for forbidden in ("DELETE FROM fleet.event", "CREATE TABLE mine ()", "SELECT fleet.tidy()"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                page.execute(forbidden)


def test_a_login_without_a_password_cannot_be_used_with_one(running: Server) -> None:
    with connect(running.by_password.address) as server:
        address = enrol(server, "web5", f"host={ADDRESS}", by_certificate=True)
    with pytest.raises(FleetError, match="password"):
        connect(make_conninfo(address, password=""))
    ((kept,),) = running.by_password.ask(
        "SELECT rolpassword FROM pg_authid WHERE rolname = %s", login_of(address)
    )
    assert kept is None


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("host=/run/postgresql user=agent_1", True),
        ("user=agent_1", True),
        ("host=@porteye user=agent_1", True),
        ("host=db.example user=agent_1", False),
        ("hostaddr=192.0.2.1 user=agent_1", False),
        ("postgresql://agent_1@db.example/fleet", False),
    ],
)
def test_a_login_says_whether_it_is_of_use_on_another_machine(address: str, local: bool) -> None:  # noqa: FBT001
    assert is_local(address) is local


def test_an_address_that_cannot_be_read_enrols_nobody(running: Server) -> None:
    with (
        connect(running.by_password.address) as server,
        pytest.raises(FleetError, match="web6 could not be enrolled"),
    ):
        enrol(server, "web6", "host")
    assert not running.by_password.ask("SELECT 1 FROM host WHERE name = 'web6'")
