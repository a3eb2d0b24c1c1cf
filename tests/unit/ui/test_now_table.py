"""The cells of the table of Now."""

from typing import Any

import pandas as pd
import pytest

from porteye_core.ui.now_groups import By, groups, names
from porteye_core.ui.now_table import Moment, cells, hidden_by_rights, waiting, widths

NOW = 1_800_000_000_000_000
SECOND = 1_000_000
WATCHED, UNWATCHED = Moment(NOW, watched=True), Moment(NOW, watched=False)


def at(seconds_ago: float) -> pd.Timestamp:
    return pd.Timestamp(NOW - round(seconds_ago * SECOND), unit="us", tz="UTC")


def service(**values: Any) -> dict[str, Any]:
    usual = {
        "id": 1,
        "port": 80,
        "protocol": "tcp",
        "exposure": ["every interface"],
        "pid": 10,
        "process": "nginx",
        "cwd": "/",
        "address": "0.0.0.0",
        "home": "nginx",
        "user": "www",
        "cmdline": "nginx",
        "clients": 3,
        "queue": 0,
        "backlog": 511,
        "cpu": 1.25,
        "rss": 42 << 20,
        "since": at(7200),
        "latest": at(7200),
        "opened_seen": "kernel",
        "closed": False,
        "unseen": False,
        "hidden": None,
        "use": {},
    }
    return usual | values


def frame(*services: dict[str, Any]) -> pd.DataFrame:
    found = pd.DataFrame(services)
    for name in ("clients", "queue", "backlog", "rss", "pid"):
        found[name] = found[name].astype("Int64")
    found["cpu"] = found["cpu"].astype("Float64")
    for name in ("since", "latest"):
        found[name] = pd.to_datetime(found[name], utc=True).astype("datetime64[us, UTC]")
    return found


def row(moment: Moment = WATCHED, **values: Any) -> Any:
    return cells(frame(service(**values)), moment).iloc[0]


def test_a_row_says_what_it_knows_in_one_set_of_units() -> None:
    found = row()
    assert (found["memory"], found["cpu"], found["clients"]) == (42, 1.2, 3)
    assert (found["up"], found["waiting"], found["state"]) == ("2 h", "", [])


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({"latest": at(59)}, ["new"]),
        ({"latest": at(61)}, []),
        ({"latest": None}, []),
        ({"latest": at(5), "closed": True}, ["closed"]),
        ({"queue": 511}, ["full"]),
        ({"queue": 510}, []),
        ({"queue": 0, "backlog": 0}, []),
        ({"queue": None, "backlog": None}, []),
        ({"unseen": True}, ["unseen"]),
    ],
)
def test_a_row_stands_out_for_one_reason_at_most(values: dict[str, Any], state: list[str]) -> None:
    assert row(**values)["state"] == state


def test_up_is_at_least_what_was_seen_of_a_listener_that_was_there_already() -> None:
    assert row(since=at(480), latest=None, opened_seen="gap")["up"] == "≥ 8 min"


def test_what_nobody_measures_is_blank() -> None:
    found = row(UNWATCHED, queue=5, backlog=4, latest=at(5))
    assert found[["clients", "cpu", "memory"]].isna().all()
    assert (found["waiting"], found["state"]) == ("", [])


def test_only_those_who_wait_are_told() -> None:
    assert row(queue=5, backlog=4)["waiting"] == "5 wait, room for 4"
    assert waiting(1, 511) == "1 waits, room for 511"
    assert waiting(3, None) == "3 wait"
    assert waiting(None, 511) == ""


def test_a_chip_shows_the_widest_exposure() -> None:
    assert row(exposure=["one network", "this machine only"])["exposure"] == ["one network"]


def test_a_cell_that_is_cut_has_a_mark() -> None:
    found = row(address="192.168.100.200, fe80::1%eth0", user=None, home="a-unit-with-a-long-name")
    assert found["address"].endswith("…")
    assert found["home"].endswith("…")
    assert found["user"] == ""


def test_owners_that_root_would_see_are_counted() -> None:
    hidden = [service(hidden=each) for each in ("privilege", "gone", "kernel", None, "privilege")]
    assert hidden_by_rights(frame(*hidden)) == 2


@pytest.mark.parametrize(
    ("values", "url"),
    [
        ({}, "http://box"),
        ({"port": 3000, "address": "0.0.0.0, ::"}, "http://box:3000"),
        ({"port": 3000, "address": "*"}, "http://box:3000"),
        ({"address": "192.0.2.1", "exposure": ["one network"]}, "http://192.0.2.1"),
        ({"address": "127.0.0.1", "exposure": ["this machine only"]}, None),  # of another machine
        ({"exposure": ["inside a container"]}, None),
        ({"protocol": "udp"}, None),
        ({"protocol": "tcp/udp"}, "http://box"),
        ({"protocol": "tcp/udp", "exposure": ["every interface", "one link"]}, None),
        ({"closed": True}, None),
    ],
)
def test_a_link_leads_to_the_widest_address_that_the_browser_reaches(
    values: dict[str, Any], url: str | None
) -> None:
    found = cells(frame(service(**values)), WATCHED, page_url="https://box:8501/")
    assert found["open"].tolist() == [url]


def test_a_column_of_which_no_row_has_anything_leaves_its_room_to_others() -> None:
    plain = service(home=None, queue=0, process="kernel or other container", cwd=None)
    found = cells(frame(plain), WATCHED, kept=())
    assert not {"state", "home", "waiting"} & set(found)
    assert found["program"].tolist() == ["kernel or other container"]
    full = service(queue=5, backlog=4)
    found = cells(frame(plain, full), WATCHED, kept=())
    assert {"state", "home", "waiting"} <= set(found)
    assert found["program"].tolist()[0] == "kernel or…"
    few = cells(frame(plain), WATCHED)
    assert sum(widths([*found.columns]).values()) == sum(widths([*few.columns]).values())


def test_a_group_has_its_widest_exposure_first_and_none_that_another_has_in_it() -> None:
    each = ["this machine only", "IPv6 only", "one network", "every interface"]
    found = groups(frame(*(service(exposure=[one]) for one in each)), By.PROGRAM)
    assert found["exposure"].tolist() == [["every interface", "one network", "this machine only"]]


def test_a_group_has_each_verdict_of_its_services_once_and_the_gravest_first() -> None:
    services = frame(service(port=1), service(port=2), service(port=3), service(port=4))
    found = services.assign(verdict=["expected", "wider", "", "expected"])
    assert groups(found, By.PROGRAM)["verdict"].tolist() == [["wider", "expected"]]
    assert "verdict" not in groups(services, By.PROGRAM)


def test_a_group_counts_a_process_once_however_many_ports_it_has() -> None:
    use = {(10, 5): (1.5, 42 << 20)}
    found = groups(
        frame(
            service(port=443, use=use),
            service(port=80, use=use),
            service(port=81, use={(11, 5): (0.5, 8 << 20)}, exposure=["this machine only"]),
            service(process="sshd", port=22, use={("socket", 4): (None, None)}, clients=None),
        ),
        By.PROGRAM,
    )
    assert found["group"].tolist() == ["nginx", "sshd"]
    nginx, sshd = found.to_dict("records")
    assert (nginx["count"], nginx["ports"], nginx["clients"]) == (3, "80, 81, 443", 9)
    assert (nginx["cpu"], nginx["memory"]) == (2.0, 50.0)
    assert nginx["exposure"] == ["every interface", "this machine only"]
    assert pd.isna(sshd["memory"])
    assert pd.isna(sshd["clients"])


@pytest.mark.parametrize(
    ("by", "wanted"),
    [
        (By.PROGRAM, ["nginx", "sshd"]),
        (By.UNIT, ["web", ""]),
        (By.EXPOSURE, ["one network", "every interface"]),
    ],
)
def test_services_are_grouped_by_what_they_share(by: By, wanted: list[str]) -> None:
    one = service(home="web", exposure=["one network", "this machine only"])
    services = frame(one, service(process="sshd", home=None))
    assert names(services, by) == wanted
    assert sorted(groups(services, by)["name"]) == sorted(wanted)
