"""The filters of the sidebar, through Streamlit's own test runner."""

import pytest
from streamlit.testing.v1 import AppTest

from porteye_core.model import Filters, Kind, Protocol
from porteye_core.reach import LOCAL, REACHABLE, Exposure
from porteye_core.ui.context import View
from tests.kit.page import address, open_page
from tests.kit.seeding import Instant


@pytest.fixture
def page(seeded: Instant, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    return open_page(seeded.db, monkeypatch)


def asked(page: AppTest) -> Filters:
    assert not page.exception
    view: View = page.session_state["view"]
    return view.filters


def test_more_filters_narrow_and_stand_in_the_address(page: AppTest) -> None:
    page.selectbox(key="exposure").set_value("local").run()
    page.text_input(key="user").set_value("www").run()
    page.text_input(key="home").set_value("nginx").run()
    page.text_input(key="address").set_value("127.0.0.1").run()
    page.selectbox(key="kind").set_value("closed").run()
    found = asked(page)
    assert (found.exposure, found.user, found.home) == (LOCAL, "www", "nginx")
    assert (found.address, found.kind) == ("127.0.0.1", Kind.CLOSED)
    assert address(page) == {
        "exposure": "local",
        "user": "www",
        "home": "nginx",
        "address": "127.0.0.1",
        "kind": "closed",
    }


def test_more_filters_are_folded_until_one_is_used(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    for said, is_open in ({}, False), ({"exposure": "reachable"}, True):
        page = open_page(seeded.db, monkeypatch, said)
        (more,) = [each for each in page.expander if each.label == "More filters"]
        assert more.proto.expanded == is_open
    assert asked(page).exposure == REACHABLE


def test_a_link_with_several_exposures_is_followed_and_kept(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(seeded.db, monkeypatch, {"exposure": "Link, machine"})
    assert asked(page).exposure == (Exposure.MACHINE, Exposure.LINK)
    assert address(page) == {"exposure": "machine,link"}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"exposure": "everyone"}, "“everyone” is not an exposure."),
        ({"kind": "changed"}, "“changed” is not a kind."),
        ({"address": "localhost"}, "“localhost” is not an address."),
    ],
)
def test_a_wrong_link_gets_a_message(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch, said: dict[str, str], message: str
) -> None:
    page = open_page(seeded.db, monkeypatch, said)
    assert message in "".join(error.value for error in page.error)
    assert asked(page) == Filters()


def test_the_field_of_ports_takes_what_people_paste(page: AppTest) -> None:
    for text, ports in (
        (":3000", ((3000, 3000),)),
        ("80 443", ((80, 80), (443, 443))),
        ("http://localhost:3000/x", ((3000, 3000),)),
        ("Error: listen EADDRINUSE: address already in use :::3000", ((3000, 3000),)),
    ):
        page.text_input(key="port").set_value(text).run()
        assert asked(page).ports == ports
        assert not page.error


def test_a_protocol_beside_the_port_counts_before_the_chosen_one(page: AppTest) -> None:
    page.text_input(key="port").set_value("53/udp").run()
    assert asked(page).protocol is Protocol.UDP
    page.selectbox(key="protocol").set_value("tcp").run()
    assert asked(page).protocol is Protocol.UDP
    assert "The port names udp." in page.error[0].value
