"""Which hosts must never be fetched or offered: private, loopback, link-local and their spellings."""

import ipaddress

LOCAL_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost")
LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".home.arpa", ".lan")


def is_private_host(host: str) -> bool:
    """Whether a URL's host is private by its spelling; names that resolve to private addresses need a look-up."""
    host = host.strip("[]").rstrip(".").lower()
    if (
        host in LOCAL_NAMES
        or host.endswith(LOCAL_SUFFIXES)
        or ("." not in host and ":" not in host and not host.isdigit())
    ):
        return True
    address = parsed_address(host)
    return address is not None and not is_public(address)


def parsed_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An IP address in any spelling that a browser takes (2130706433, 0x7f.1, 127.1), or None for a name."""
    import socket

    try:
        return ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.ip_address(socket.inet_aton(host))
    except (OSError, UnicodeEncodeError):
        return None


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return address.is_global and not address.is_multicast
