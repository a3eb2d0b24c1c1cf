"""The key of a service in the URL."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porteye_core.model import Protocol
from porteye_core.reach import Exposure
from porteye_core.ui.fleet.service_table import ServiceKey, key_of


@given(
    st.integers(0, 65_535),
    st.sampled_from([each.value for each in Protocol]),
    st.sampled_from([each.value for each in Exposure]),
    st.text(),
)
def test_a_key_is_read_as_it_was_written(
    port: int, protocol: str, exposure: str, program: str
) -> None:
    key = ServiceKey(port, protocol, exposure, program)
    assert key_of(key.text) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "22",
        "22/tcp",
        "x/tcp/MACHINE/a",
        "22/sctp/MACHINE/a",
        "22/tcp/machine/a",
        "٣/tcp/MACHINE/",
    ],
)
def test_what_is_no_key_is_none(text: str) -> None:
    assert key_of(text) is None


def test_the_words_name_program_port_and_reach() -> None:
    key = ServiceKey(22, "tcp", "every interface", "sshd")
    assert key.words == "sshd on 22/tcp, any network"
    assert ServiceKey(22, "tcp", "every interface", "").words.startswith("an owner that is not")
