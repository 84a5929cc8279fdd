"""Which addresses a link check never connects to, in whatever spelling and through whatever translation (G5)."""

import ipaddress
import socket
import time

import pytest

from content.addresses import is_private_host, is_public
from content.links import Address, PrivateAddressError, _connected, look_at_host
from content.models import Resource

REFUSED = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "198.18.0.1", "240.0.0.1", "255.255.255.255", "192.0.0.192", "168.63.129.16", "::", "::1", "fe80::1", "fc00::1",
    "fec0::1", "ff02::1", "2001:db8::1", "3fff::1", "5f00::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:a9fe:a9fe",
    "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
    "2001:0:53aa:64c:0:0:80ff:fffe",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::8.8.8.8", "2002:808:808::1", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", REFUSED)
def test_G5_an_address_that_is_not_public_is_refused_when_written_and_when_resolved(monkeypatch, address):
    """The resolver is the outside door: a name that answers so cannot be had without the network."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (address, 80))])
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("it was connected to"))

    assert is_private_host(f"[{address}]" if ":" in address else address)
    with pytest.raises(PrivateAddressError):
        _connected("rebinding.example.org", 80, 1, is_tls=False, is_allowed=False)
    status, _ = look_at_host(Address("https://rebinding.example.org:8443/", 1), time.monotonic() + 5)
    assert status == Resource.Status.REFUSED


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_public(address):
    assert is_public(ipaddress.ip_address(address))


def test_G5_what_was_judged_is_what_is_connected_to(monkeypatch):
    """A name that answers publicly first and privately afterwards is looked up once."""
    answers = iter(["8.8.8.8", "127.0.0.1"])
    connected = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (next(answers), 80))])
    monkeypatch.setattr(socket, "create_connection", lambda to, **_: connected.append(to[0]))

    _connected("rebinding.example.org", 80, 1, is_tls=False, is_allowed=False)

    assert connected == ["8.8.8.8"]
