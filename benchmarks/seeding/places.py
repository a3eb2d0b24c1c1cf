"""What listens on such a machine: endpoints and the processes that hold them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from porteye_core.model import (
    Ancestor,
    Endpoint,
    Family,
    Hidden,
    Process,
    ProcessKey,
    Program,
    Protocol,
)

OWN_NETNS = 4026531840
_INIT = Ancestor(1, "systemd")
_CONTAINERD = Ancestor(911, "containerd-shim")
_SHELL = (Ancestor(4402, "bash"), Ancestor(4390, "tmux: server"), _INIT)
_HOST_ADDRESSES = ("192.168.1.20", "10.8.0.3", "172.17.0.1")
_WORDS = (
    *("billing", "search", "orders", "catalog", "auth", "profile", "mailer", "thumbnails"),
    *("geocoder", "ledger", "pricing", "session", "audit", "metrics", "reports", "webhook"),
    *("inventory", "gateway", "scheduler", "feed"),
)
_EPHEMERAL = range(32768, 61000)


@dataclass(frozen=True, slots=True)
class Place:
    """An endpoint and who opens it; `owner` is None where it is hidden, `workers` hold it too."""

    endpoint: Endpoint
    owner: Process | None
    user: str
    workers: int = 0
    hidden: Hidden | None = None
    is_recent: bool = field(default=False)


def _place(
    port: int,
    program: Program,
    *,
    protocol: Protocol = Protocol.TCP,
    address: str = "0.0.0.0",
    netns: int | None = OWN_NETNS,
    unit: str = "",
    container: str = "",
    parents: tuple[Ancestor, ...] = (_INIT,),
    workers: int = 0,
    is_recent: bool = False,
) -> Place:
    family = Family.IPV6 if ":" in address else Family.IPV4
    owner = Process(ProcessKey(0, 0), program, parents, unit, container, "/")
    endpoint = Endpoint(protocol, family, address, port, netns)
    return Place(endpoint, owner, program.user, workers, None, is_recent)


def standing(count: int, rng: random.Random) -> list[Place]:
    """So many listeners that are there to stay, the well-known ones of a machine first."""
    known = list(_known())[:count]
    return known + [_service(number, rng) for number in range(count - len(known))]


def _known() -> Iterator[Place]:
    sshd = Program("sshd", "/usr/sbin/sshd", "root", "sshd: /usr/sbin/sshd -D")
    nginx = Program("nginx", "/usr/sbin/nginx", "root", "nginx: master process /usr/sbin/nginx")
    data = "/var/lib/postgresql/15/main"
    postgres = Program("postgres", "/usr/lib/postgresql/15/bin/postgres", "postgres")
    postgres = replace(postgres, cmdline=f"{postgres.exe} -D {data}")
    dns = Program("systemd-resolve", "/lib/systemd/systemd-resolved", "systemd-resolve")
    dns = replace(dns, cmdline=dns.exe)
    dhcp = Program("dhclient", "/sbin/dhclient", "root", "dhclient -4 -v eth0")
    mdns = Program("avahi-daemon", "/usr/sbin/avahi-daemon", "avahi", "avahi-daemon: running")
    vite = Program("node", "/usr/bin/node", "dev", "node node_modules/.bin/vite --port 5173")
    jupyter = Program("jupyter-lab", "/usr/bin/python3.11", "dev", "jupyter lab --port 8888")
    search = Program("java", "/usr/lib/jvm/bin/java", "elastic", "java -Xms4g -cp lib/* org.Search")
    for address in ("0.0.0.0", "::"):
        yield _place(22, sshd, address=address, unit="ssh.service")
        for port in (80, 443):
            yield _place(port, nginx, address=address, unit="nginx.service", workers=4)
        yield _place(
            5353, mdns, protocol=Protocol.UDP, address=address, unit="avahi-daemon.service"
        )
    for address in ("127.0.0.1", "::1"):
        yield _place(5432, postgres, address=address, unit="postgresql@15-main.service")
    for protocol in Protocol:
        unit = "systemd-resolved.service"
        yield _place(53, dns, protocol=protocol, address="127.0.0.53", unit=unit)
    yield _place(68, dhcp, protocol=Protocol.UDP, unit="networking.service")
    yield _place(5173, vite, address="127.0.0.1", parents=_SHELL, is_recent=True)
    yield _place(8888, jupyter, address="127.0.0.1", parents=_SHELL, is_recent=True)
    yield _place(9200, search, address="::", unit="elasticsearch.service")
    kernel = _place(2049, sshd, address="0.0.0.0")  # NFS: the kernel's own
    yield replace(kernel, owner=None, hidden=Hidden.KERNEL, user="root")


def _service(number: int, rng: random.Random) -> Place:
    """A service of the house: half of them in containers, some with their port published."""
    word = _WORDS[number % len(_WORDS)]
    name, port = f"{word}-{number // len(_WORDS)}", 7000 + number
    runtime = rng.choice(("python3", "node", "java", name))
    line = f"/srv/{name}/bin/{runtime} --config /etc/{name}.toml --port {port}"
    program = Program(runtime, f"/srv/{name}/bin/{runtime}", f"svc-{word}", line)
    if number % 2 == 0:
        address = rng.choice(("127.0.0.1", *_HOST_ADDRESSES, "0.0.0.0", "::"))
        protocol = Protocol.UDP if number % 10 == 8 else Protocol.TCP
        return _place(
            port,
            program,
            protocol=protocol,
            address=address,
            unit=f"{name}.service",
            workers=number % 3,
            is_recent=number % 12 == 0,
        )
    container = f"docker:{rng.getrandbits(48):012x}"
    if number % 4 == 1:
        inside = OWN_NETNS + 400 + number
        parents = (_CONTAINERD, _INIT)
        return _place(8080, program, netns=inside, container=container, parents=parents)
    line = f"/usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port {port}"
    proxy = Program("docker-proxy", "/usr/bin/docker-proxy", "root", line)
    return _place(port, proxy, unit="docker.service", parents=(Ancestor(870, "dockerd"), _INIT))


def busy() -> list[Place]:
    """Development servers that start again and again, the busiest first."""
    commands = {
        8000: ("python3", "python3 manage.py runserver"),
        3000: ("node", "node server.js"),
        5000: ("flask", "flask run --debug"),
        8080: ("java", "java -jar target/app.jar"),
        4200: ("ng", "ng serve"),
        9229: ("node", "node --inspect worker.js"),
        6006: ("node", "node node_modules/.bin/storybook dev -p 6006"),
        8001: ("uvicorn", "uvicorn app.main:app --reload --port 8001"),
        9000: ("php", "php -S 127.0.0.1:9000"),
        2345: ("dlv", "dlv debug --headless --listen=127.0.0.1:2345"),
    }
    return [
        _place(
            port, Program(name, f"/usr/bin/{name}", "dev", line), address=address, parents=_SHELL
        )
        for port, (name, line) in commands.items()
        for address in ("127.0.0.1", "::1")
    ]


def passing(count: int, rng: random.Random) -> list[Place]:
    """So many pairs of an endpoint and a program that come and go, mostly on ephemeral ports."""
    programs = [_test_run(number, rng) for number in range(max(40, count // 12))]
    ports = rng.sample(_EPHEMERAL, min(len(_EPHEMERAL), max(2500, count // 5)))
    return [_passing(rng.choice(programs), rng.choice(ports), rng) for _ in range(count)]


def _test_run(number: int, rng: random.Random) -> Program:
    word = rng.choice(_WORDS)
    name, line = rng.choice(
        (
            ("python3", f"python3 -m pytest tests/{word}/test_case_{number}.py -q"),
            ("pytest", f"/home/dev/.venv/bin/pytest -k {word}_{number} --maxfail=1"),
            ("node", f"node node_modules/.bin/vitest run src/{word}/case{number}.test.ts"),
            ("java", f"java -cp build org.junit.Console --select-class {word}.Case{number}"),
            (f"{word}.test", f"/tmp/go-build{number}/b001/{word}.test -test.v"),
            ("chrome", f"/opt/chrome --headless --remote-debugging-port=0 --profile={number}"),
        )
    )
    return Program(name, f"/usr/bin/{name}", rng.choice(("dev", "ci")), line)


def _passing(program: Program, port: int, rng: random.Random) -> Place:
    draw = rng.random()
    address = rng.choice(("127.0.0.1", "127.0.0.1", "::1", "0.0.0.0", "::", *_HOST_ADDRESSES))
    protocol = Protocol.UDP if draw < 0.15 else Protocol.TCP
    place = _place(port, program, protocol=protocol, address=address, parents=_SHELL)
    if draw > 0.985:
        return replace(place, owner=None, hidden=Hidden.PRIVILEGE)
    if draw > 0.97:
        return replace(place, owner=_only_named(program), hidden=Hidden.GONE)
    return place


def _only_named(program: Program) -> Process:
    """What is left of a process that ended before it was read."""
    return Process(ProcessKey(0, 0), Program(program.name))
