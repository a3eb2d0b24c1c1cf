"""A family of metrics: one name, one type, and a number for each set of labels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Labels = tuple[tuple[str, str], ...]
"""Names of labels with their values; an empty value is as good as no label."""


class Type(StrEnum):
    """Type of a family, by the name that OpenMetrics has for it."""

    GAUGE = "gauge"
    COUNTER = "counter"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """A family of metrics; name: without the suffix that the type gives its samples. unit: the end
    of the name, if it is a unit. labels: names of the labels that its samples have."""

    name: str
    type: Type
    help: str
    unit: str = ""
    labels: tuple[str, ...] = ()
    samples: Mapping[Labels, int | float] = field(default_factory=dict)

    def of(self, samples: Mapping[Labels, int | float]) -> "MetricFamily":
        """The family with these samples."""
        return MetricFamily(self.name, self.type, self.help, self.unit, self.labels, samples)

    def single(self, value: float | None, *labels: str) -> "MetricFamily":
        """The family with one sample, whose labels have these values; with none for None."""
        return self.of({} if value is None else {self.labelled(labels): value})

    def labelled(self, values: tuple[str, ...]) -> Labels:
        """The values of the labels beside their names."""
        return tuple(zip(self.labels, values, strict=True))

    @property
    def suffix(self) -> str:
        """The end of the names of the samples."""
        return {Type.COUNTER: "_total", Type.INFO: "_info"}.get(self.type, "")


def with_samples(families: Iterator[MetricFamily]) -> tuple[MetricFamily, ...]:
    """Those of the families that have samples."""
    return tuple(each for each in families if each.samples)
