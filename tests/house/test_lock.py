"""The lock file holds every requirement, and what they require, each by its hash."""

import re
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.kit.service import PROJECT

PYTHONS = ("3.11", "3.12", "3.13")
LOCK = (PROJECT / "requirements.lock").read_text()
_ENTRY = re.compile(
    r"^([\w.-]+)==(\S+)(?: ; \S.*)? \\\n((?:    --hash=\S+(?: \\)?\n)+)", re.MULTILINE
)


def locked() -> dict[str, str]:
    """The locked version of each package."""
    return {canonicalize_name(name): version for name, version, _ in _ENTRY.findall(LOCK)}


def test_every_package_has_its_hashes_and_none_its_host() -> None:
    assert len(locked()) == len(re.findall(r"^\S+==", LOCK, re.MULTILINE)) > 20
    for _, _, hashes in _ENTRY.findall(LOCK):
        assert re.fullmatch(r"(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", hashes)
    assert "://" not in LOCK
    assert not re.search(r"^-", LOCK, re.MULTILINE)


def test_the_requirements_are_satisfied() -> None:
    asked = (PROJECT / "requirements.txt").read_text().split()
    assert asked
    for requirement in map(Requirement, asked):
        version = locked()[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), requirement


@pytest.mark.parametrize("python", PYTHONS)
def test_so_is_whatever_they_require(python: str) -> None:
    environment = {"extra": "", "python_version": python, "python_full_version": f"{python}.0"}
    for name, version in locked().items():
        try:
            if metadata.version(name) != version:
                continue  # this environment has another one, which may ask for something else
        except metadata.PackageNotFoundError:
            continue
        for each in map(Requirement, metadata.requires(name) or ()):
            if each.marker is None or each.marker.evaluate(environment):
                found = locked()[canonicalize_name(each.name)]
                assert each.specifier.contains(found), f"{name} asks for {each}"
