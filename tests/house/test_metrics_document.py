"""docs/metrics.md says what the metrics are: each family with its type and labels, and no other."""

import re

from porteye_core.exposure import Exposure
from porteye_core.metrics.families import FAMILIES
from porteye_core.metrics.family import MetricFamily
from porteye_core.metrics.fleet import FAMILIES as FAMILIES_OF_A_FLEET
from porteye_core.metrics.limits import MAX_LABEL_SETS
from porteye_core.store.fleet.administration.migrations import ROLES
from tests.kit.service import PROJECT

DOCUMENT = (PROJECT / "docs" / "metrics.md").read_text()


def table(heading: str) -> list[list[str]]:
    """The cells of the rows of the table under a heading."""
    section = DOCUMENT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in lines]


def of_listeners() -> tuple[str, ...]:
    (labels,) = {each.labels for each in FAMILIES if "port" in each.labels}
    return labels


def described(family: MetricFamily) -> tuple[str, str, str]:
    """The first cells of the row that describes a family."""
    labels = ", ".join(f"`{name}`" for name in family.labels) or "–"
    is_of_listeners = family.labels == of_listeners()
    return (
        f"`{family.name}{family.suffix}`",
        family.type.value,
        "of listeners" if is_of_listeners else labels,
    )


def test_every_family_is_described_with_type_and_labels_and_no_other() -> None:
    rows = [tuple(cells[:3]) for cells in table("Families")]
    assert sorted(rows) == sorted(map(described, FAMILIES))


def test_every_family_of_a_fleet_is_described_and_no_other() -> None:
    rows = [tuple(cells[:3]) for cells in table("A fleet")]
    assert rows == [described(each) for each in FAMILIES_OF_A_FLEET]


def test_every_label_is_described_and_no_other() -> None:
    named = [name.strip("`") for name, _ in table("Labels")]
    assert set(named) == {label for each in FAMILIES for label in each.labels}
    assert tuple(named[: len(of_listeners())]) == of_listeners()


def test_the_exposures_and_the_limit_are_those_of_the_code() -> None:
    (cell,) = [meaning for name, meaning in table("Labels") if name == "`exposure`"]
    assert set(re.findall(r"`(\w+)`", cell)) == {each.name.lower() for each in Exposure}
    assert f"at most {MAX_LABEL_SETS:,} label sets" in DOCUMENT


def test_every_family_that_a_document_or_a_rule_names_is_there() -> None:
    known = {f"{each.name}{each.suffix}" for each in (*FAMILIES, *FAMILIES_OF_A_FLEET)}
    files = [
        *PROJECT.glob("*.md"),
        *PROJECT.glob("docs/*.md"),
        *PROJECT.glob("deploy/prometheus/*"),
        *PROJECT.glob("deploy/grafana/*"),
    ]
    for file in files:
        named = set(re.findall(r"(?<![\w/])porteye_\w+", file.read_text()))
        others = {"porteye_core", *ROLES}
        unknown = {name for name in named if name not in known and name not in others}
        assert {name for name in unknown if not name.startswith("porteye_seen_")} == set(), file
