"""Names of containers in the files of their runtimes, and files that strangers made.

Those of Podman were recorded from Podman 4.3.1 with runc 1.1.5; the others are made after what
Docker, containerd, nerdctl and CRI-O document.
"""

import json
import logging
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from porteye_core.containers import Container
from porteye_core.owners.container_files import ContainerFiles, Place, Places, of_home
from tests.kit.service import PROJECT

DATA = PROJECT / "tests" / "data" / "containers"
RECORDED = Places(
    (Place(DATA / "docker"),), (Place(DATA / "containerd"),), (Place(DATA / "storage"),)
)
DOCKER = "d0c" * 21 + "1"
PODMAN = "d75f316cf5a5bca76ca102b3e04eac3105f1ee9fc6eff61699c46898257efdd4"
POD = {"pod": "web-6f5c8d7b9-x2v4q", "pod_namespace": "shop"}
SHOP = {"compose_project": "shop"}
ID = "0123456789abcdef" * 4
LIMIT = 512 * 1024

NAMED = (
    Container(
        *("docker", DOCKER, "shop-web-1", "nginx:1.27"),
        **SHOP,
        compose_service="web",
        published="0.0.0.0:8080->80/tcp [::]:8080->80/tcp",
        addresses="172.18.0.3 fd00::3",
    ),
    Container("containerd", "c0de" * 16, "nginx", "docker.io/library/nginx:1.27", **POD),
    Container("containerd", "5a" * 32, **POD),  # the sandbox of that pod
    Container(
        *("containerd", "be0" * 21 + "7", "db"),
        **SHOP,
        compose_service="db",
        published="127.0.0.1:5432->5432/tcp",
    ),
    Container("podman", PODMAN, "shop-web-1", "localhost/local/web:1"),
    Container("cri-o", "c110" * 16, "api", "quay.io/shop/api:4", pod="api-0", pod_namespace="shop"),
)


def docker_at(folder: Path) -> tuple[ContainerFiles, Path]:
    """A reader of a folder of Docker's, and the file that it looks for there."""
    file = folder / ID / "config.v2.json"
    file.parent.mkdir()
    return ContainerFiles(Places(docker=(Place(folder),))), file


@pytest.mark.parametrize("named", NAMED, ids=lambda each: each.shown)
def test_each_runtime_s_files_give_the_name(named: Container) -> None:
    asked = Container(named.runtime, named.runtime_id)
    assert ContainerFiles(RECORDED).read(asked) == named


@pytest.mark.parametrize("runtime", ["container", "kubernetes", "ecs"])
def test_a_runtime_that_the_path_does_not_tell_is_found_by_the_id(runtime: str) -> None:
    found = ContainerFiles(RECORDED).read(Container(runtime, DOCKER))
    assert found is not None
    assert (found.runtime, found.container_name) == (runtime, "shop-web-1")


def test_a_user_s_containers_are_found_below_the_home(tmp_path: Path) -> None:
    data = tmp_path / ".local" / "share" / "containers"
    data.mkdir(parents=True)
    (data / "storage").symlink_to(DATA / "storage")
    asked = Container("podman", PODMAN)
    assert ContainerFiles(of_home(tmp_path)).read(asked) is None  # a link leads out of it
    (data / "storage").unlink()
    folder = data / "storage" / "overlay-containers"
    folder.mkdir(parents=True)
    (folder / "containers.json").write_text(json.dumps([{"id": PODMAN, "names": ["mine"]}]))
    found = ContainerFiles(of_home(tmp_path)).read(asked)
    assert found is not None
    assert found.container_name == "mine"


@pytest.mark.parametrize("runtime_id", ["", "web", "..", "../" * 4 + "etc", "0" * 65, "A" * 64])
def test_only_an_id_is_part_of_a_path(runtime_id: str) -> None:
    assert ContainerFiles(RECORDED).read(Container("docker", runtime_id)) is None


DEEP = b"[" * 100_000
ODD: tuple[Any, ...] = (
    *(
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"7",
        b'"text"',
        DEEP,
        b'{"a":' * 90_000,
        b"1" * 9000,
    ),
    *({"ID": ID}, {"ID": ID, "Name": 7}, {"ID": ID, "Name": None, "Config": []}, {"ID": [ID]}),
    {"ID": ID, "Name": {"a": 1}, "Config": {"Image": 7, "Labels": "x"}, "NetworkSettings": 5},
    {"ID": "f" * 64, "Name": "/another-s"},
)


@pytest.mark.parametrize("content", ODD, ids=range(len(ODD)))
def test_a_file_of_another_shape_gives_no_name(tmp_path: Path, content: Any) -> None:
    files, file = docker_at(tmp_path)
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    assert files.read(Container("docker", ID)) is None


@pytest.mark.parametrize(
    "notes",
    [
        7,
        [],
        {"nerdctl/name": 7},
        {"nerdctl/ports": "["},
        {"nerdctl/ports": "7"},
        {"nerdctl/ports": '[1, {"HostPort": {}}]'},
    ],
)
def test_annotations_of_another_shape_give_no_name(tmp_path: Path, notes: Any) -> None:
    file = tmp_path / "default" / ID / "config.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"annotations": notes}))
    files = ContainerFiles(Places(containerd=(Place(tmp_path),)))
    assert files.read(Container("containerd", ID)) is None


@pytest.mark.parametrize(
    "listed", [7, {}, [7], [{"id": ID}], [{"id": ID, "names": [7], "metadata": "{"}]]
)
def test_a_list_of_another_shape_gives_no_name(tmp_path: Path, listed: Any) -> None:
    folder = tmp_path / "overlay-containers"
    folder.mkdir()
    (folder / "containers.json").write_text(json.dumps(listed))
    files = ContainerFiles(Places(storage=(Place(tmp_path),)))
    assert files.read(Container("podman", ID)) is None


def test_ports_and_addresses_of_another_shape_are_left_out(tmp_path: Path) -> None:
    files, file = docker_at(tmp_path)
    good = {"HostIp": "", "HostPort": "8080"}
    odd = [{"HostPort": "x"}, {"HostPort": "99999999"}, {"HostIp": "a b", "HostPort": "1"}, None]
    ports = {"80/tcp": [good, *odd], "80/sctp": [good], "http/tcp": [good], "81/udp": 5}
    networks = {"a": {"IPAddress": 7, "GlobalIPv6Address": "::1 x"}, "b": {"IPAddress": "10.0.0.2"}}
    settings = {"Ports": ports, "Networks": networks}
    file.write_text(json.dumps({"ID": ID, "Name": "/web", "NetworkSettings": settings}))
    found = files.read(Container("docker", ID))
    assert found is not None
    assert (found.published, found.addresses) == ("0.0.0.0:8080->80/tcp", "10.0.0.2")


def test_a_name_is_escaped_and_cut_as_every_text_of_a_stranger(tmp_path: Path) -> None:
    files, file = docker_at(tmp_path)
    file.write_text(json.dumps({"ID": ID, "Name": "/\x1b[31mred" + "x" * 9000}))
    found = files.read(Container("docker", ID))
    assert found is not None
    assert found.container_name.startswith(r"\x1b[31mred")
    assert len(found.container_name.encode()) <= 1024


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "socket", "large"])
def test_what_is_no_small_plain_file_is_refused_and_said_once(
    tmp_path: Path,
    kind: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files, file = docker_at(tmp_path)
    secret = tmp_path / "secret"
    secret.write_text(json.dumps({"ID": ID, "Name": "/secret"}))
    with socket.socket(socket.AF_UNIX) as bound:
        if kind == "link":
            file.symlink_to(secret)
        elif kind == "fifo":
            os.mkfifo(file)
        elif kind == "folder":
            file.mkdir()
        elif kind == "socket":
            monkeypatch.chdir(file.parent)  # a socket has a short path
            bound.bind(file.name)
        else:
            file.write_text(json.dumps({"ID": ID, "Name": "/large", "pad": "x" * LIMIT}))
        with caplog.at_level(logging.WARNING):
            assert files.read(Container("docker", ID)) is None
            assert files.read(Container("docker", ID)) is None
    assert len(caplog.records) == 1
    assert str(file) in caplog.text


def test_a_folder_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / DOCKER).symlink_to(DATA / "docker" / DOCKER)
    files = ContainerFiles(Places(docker=(Place(tmp_path),)))
    assert files.read(Container("docker", DOCKER)) is None


def test_a_runtime_whose_folder_root_has_moved_by_a_link_is_read(tmp_path: Path) -> None:
    (tmp_path / "containers").symlink_to(DATA / "docker")
    files = ContainerFiles(Places(docker=(Place(tmp_path / "containers"),)))
    assert files.read(Container("docker", DOCKER)) is not None


def test_no_file_is_no_trouble(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert ContainerFiles(of_home(tmp_path / "gone")).read(Container("podman", PODMAN)) is None
    assert not caplog.records
