"""Which hosts must never be fetched or offered: private, loopback, link-local and their spellings."""

import ipaddress
import socket
import unicodedata
from urllib.parse import unquote

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LOCAL_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost")
LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".home.arpa", ".lan")
# IPv6 networks whose addresses end with an IPv4 one that they lead to.
LEADS_TO_IPV4 = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::ffff:0:0:0/96")))
# What Python takes for global and is not: protocols' own, site-local, a network's own translation, documentation,
# segment routing; and the one address at which a cloud's hosts find their own metadata.
NEVER_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        ("192.0.0.0/24", "168.63.129.16/32", "fec0::/10", "64:ff9b:1::/48", "3fff::/20", "5f00::/16"),
    )
)


def is_private_host(host: str) -> bool:
    """Whether a URL's host is private by its spelling; names that resolve to private addresses need a look-up."""
    host = _as_browsers_read_it(host).strip("[]").rstrip(".")
    if (
        host in LOCAL_NAMES
        or host.endswith(LOCAL_SUFFIXES)
        or ("." not in host and ":" not in host and not host.isdigit())
    ):
        return True
    address = parsed_address(host)
    return address is not None and not is_public(address)


def _as_browsers_read_it(host: str) -> str:
    """Percent signs decoded, wide and circled characters made plain: %31, １ and ① are all 1."""
    return unicodedata.normalize("NFKC", unquote(host)).replace("。", ".").lower()


def parsed_address(host: str) -> Address | None:
    """An IP address in any spelling that a browser takes (2130706433, 0x7f.1, 127.1), or None for a name."""
    try:
        return ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.ip_address(socket.inet_aton(host))
    except (OSError, ValueError):  # ValueError: a NUL, a character outside ASCII
        return None


def is_public(address: Address) -> bool:
    """False as well for an IPv6 address that leads to an IPv4 address which is not public."""
    if not address.is_global or address.is_multicast or any(address in network for network in NEVER_PUBLIC):
        return False
    return all(is_public(inner) for inner in _inner(address))


def _inner(address: Address) -> list[ipaddress.IPv4Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return []
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    is_compatible = int(address) < 1 << 32  # ::127.0.0.1, long out of use
    leads_to_last = is_compatible or any(address in network for network in LEADS_TO_IPV4)
    found = [address.ipv4_mapped, address.sixtofour, teredo, last if leads_to_last else None]
    return [each for each in found if each]
