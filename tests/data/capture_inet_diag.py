"""Captures answers of a real kernel: `python -m tests.data.capture_inet_diag`.

Run it in an empty network namespace (`unshare --net sh -c "ip link set lo up; ..."`), so that the
captures hold these sockets and no others. Each file is one buffer as recv() gave it.
"""

import os
import select
import socket
from pathlib import Path

from porteye_core.sources.netlink import inet_diag
from porteye_core.sources.netlink.destroy_feed import open_destroy_feed
from porteye_core.sources.netlink.netlink import open_socket

FOLDER = Path(__file__).parent
ASKED = {
    "listen4": (inet_diag.AF_INET, socket.IPPROTO_TCP, inet_diag.LISTEN),
    "listen6": (inet_diag.AF_INET6, socket.IPPROTO_TCP, inet_diag.LISTEN),
    "udp4": (inet_diag.AF_INET, socket.IPPROTO_UDP, inet_diag.CLOSE),
    "established4": (inet_diag.AF_INET, socket.IPPROTO_TCP, inet_diag.ESTABLISHED),
    "established6": (inet_diag.AF_INET6, socket.IPPROTO_TCP, inet_diag.ESTABLISHED),
}


def main() -> None:
    four = socket.create_server(("127.0.0.1", 8004), backlog=7)
    six = socket.create_server(("::", 8006), family=socket.AF_INET6, backlog=9, dualstack_ipv6=True)
    alone = socket.create_server(("::1", 8066), family=socket.AF_INET6, backlog=3)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("0.0.0.0", 8053))
    at = [("127.0.0.1", 8004)] * 3 + [("127.0.0.1", 8006)] * 2 + [("::1", 8006)]
    clients = [socket.create_connection(address) for address in at]
    for name, asked in ASKED.items():
        with open_socket() as netlink:
            netlink.send(inet_diag.request(*asked, sequence=1))
            (FOLDER / f"{name}.bin").write_bytes(netlink.recv(1 << 16))
            (FOLDER / "done.bin").write_bytes(netlink.recv(1 << 16))
    with open_socket() as netlink:
        netlink.send(inet_diag.request(inet_diag.AF_INET, 250, inet_diag.LISTEN, sequence=1))
        (FOLDER / "error.bin").write_bytes(netlink.recv(1 << 16))
    with open_destroy_feed() as feed, socket.socket(fileno=os.dup(feed.fileno())) as announced:
        alone.close()
        select.select([announced], [], [], 5)
        (FOLDER / "destroyed6.bin").write_bytes(announced.recv(1 << 16))
    for each in (four, six, udp, *clients):
        each.close()


if __name__ == "__main__":
    main()
