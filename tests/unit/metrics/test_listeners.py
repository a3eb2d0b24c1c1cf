"""Label sets of listeners: what they survive, what they add up, and how many there may be."""

from collections.abc import Iterable

import pytest

from porteye_core.exposure import Exposure
from porteye_core.metrics.family import MetricFamily
from porteye_core.metrics.listeners import listener_families
from porteye_core.store.reading import OpenUse

EPHEMERAL = (32768, 60999)
USE = OpenUse(
    *("tcp", 80, Exposure.EVERYWHERE, "nginx", "nginx.service"),
    *(1, 5000, 1 << 20, 7, 2, 128),
)


def of(uses: Iterable[OpenUse], limit: int = 2000) -> dict[str, MetricFamily]:
    return {each.name: each for each in listener_families(uses, EPHEMERAL, limit)}


def values(family: MetricFamily) -> list[float]:
    return list(family.samples.values())


def ports(family: MetricFamily) -> list[str]:
    return [dict(labels)["port"] for labels in family.samples]


def test_a_listener_has_a_sample_in_each_family() -> None:
    families = of([USE])
    ((labels, value),) = families["porteye_listeners"].samples.items()
    assert dict(labels) == {
        "protocol": "tcp",
        "port": "80",
        "exposure": "everywhere",
        "program": "nginx",
        "unit": "nginx.service",
    }
    assert value == 1
    assert {name: values(family) for name, family in families.items()} == {
        "porteye_listeners": [1],
        "porteye_clients": [7],
        "porteye_accept_queue": [2],
        "porteye_backlog": [128],
        "porteye_cpu_ratio": [0.5],
        "porteye_memory_bytes": [1 << 20],
        "porteye_series_left_out": [0],
    }


def test_workers_of_a_port_are_one_series_of_sums_and_of_the_fullest_queue() -> None:
    worker = USE._replace(process=2, cpu=2500, rss=1 << 10, clients=1, queue=9, backlog=64)
    families = of([USE, worker])
    assert values(families["porteye_listeners"]) == [2]
    assert values(families["porteye_clients"]) == [8]
    assert values(families["porteye_accept_queue"]) == [9]
    assert values(families["porteye_backlog"]) == [128]
    assert values(families["porteye_cpu_ratio"]) == [0.75]
    assert values(families["porteye_memory_bytes"]) == [(1 << 20) + (1 << 10)]


def test_a_process_with_two_sockets_of_a_port_counts_once() -> None:
    families = of([USE, USE])
    assert values(families["porteye_listeners"]) == [2]
    assert values(families["porteye_cpu_ratio"]) == [0.5]
    assert values(families["porteye_memory_bytes"]) == [1 << 20]


def test_a_socket_without_a_sample_hides_no_use_of_its_process() -> None:
    new = USE._replace(cpu=None, rss=None)
    for limit in (2000, 16):
        for uses in ([USE, new], [new, USE]):
            ports = [each._replace(port=port) for port in range(1, 20) for each in uses]
            families = of(ports, limit)
            assert set(values(families["porteye_cpu_ratio"])) == {0.5}
            assert set(values(families["porteye_memory_bytes"])) == {1 << 20}


def test_what_is_not_known_has_no_sample_and_hides_no_other() -> None:
    unknown = OpenUse("udp", 53, Exposure.MACHINE, "", "", *(None,) * 6)
    families = of([unknown])
    assert [len(each.samples) for each in families.values()] == [1, 0, 0, 0, 0, 0, 1]
    other = USE._replace(process=None, clients=None, queue=None, backlog=None)
    for uses in ([USE, other], [other, USE]):
        families = of(uses)
        assert values(families["porteye_clients"]) == [7]
        assert values(families["porteye_accept_queue"]) == [2]
        assert values(families["porteye_cpu_ratio"]) == [0.5]


def test_ephemeral_ports_are_one_series_however_many_there_are() -> None:
    uses = [USE._replace(port=port) for port in range(32760, 61010)]
    family = of(uses, 100)["porteye_listeners"]
    assert len(family.samples) == 1 + 8 + 10
    assert ports(family).count("ephemeral") == 1
    assert "32768" not in ports(family)
    assert {"32767", "61000"} <= set(ports(family))


def test_beyond_the_limit_what_others_reach_and_lower_ports_are_kept() -> None:
    local = [USE._replace(port=port, exposure=Exposure.MACHINE) for port in range(1, 2001)]
    reachable = [USE._replace(port=port) for port in range(20_000, 21_000)]
    families = of([*local, *reachable])
    family = families["porteye_listeners"]
    assert len(family.samples) == 1998 + 1
    assert sum(values(family)) == 3000
    assert ports(family)[:1000] == [str(port) for port in range(20_000, 21_000)]
    assert ports(family)[1000:] == [*map(str, range(1, 999)), "other"]
    assert values(families["porteye_series_left_out"]) == [1002]


@pytest.mark.parametrize("limit", [16, 17, 100, 2000])
def test_there_are_never_more_label_sets_and_sums_stay_right(limit: int) -> None:
    uses = [
        USE._replace(protocol=protocol, port=port, exposure=exposure, process=port, clients=1)
        for protocol in ("tcp", "udp")
        for exposure in Exposure
        for port in range(1, 301)
    ]
    families = of(uses, limit)
    for family in families.values():
        assert len(family.samples) <= limit
    family = families["porteye_listeners"]
    kept = len(family.samples) - ports(family).count("other")
    assert values(families["porteye_series_left_out"]) == [len(uses) - kept]
    by_exposure = dict.fromkeys((each.name.lower() for each in Exposure), 0.0)
    for labels, value in family.samples.items():
        by_exposure[dict(labels)["exposure"]] += value
    assert set(by_exposure.values()) == {600}
    assert sum(values(families["porteye_clients"])) == len(uses)


def test_series_do_not_depend_on_the_order_of_the_listeners() -> None:
    uses = [USE._replace(port=port) for port in range(1, 500)]
    family, reverse = (of(each, 50)["porteye_listeners"] for each in (uses, uses[::-1]))
    assert family.samples == reverse.samples
    assert list(family.samples) == list(reverse.samples)
