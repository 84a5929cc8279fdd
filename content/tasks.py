"""The functions that Django-Q runs on a schedule."""

from content import links


def check_links_again() -> int:
    return links.check_again()
