"""What is a roadmap called in its address? Words, and a token that no model chose."""

import secrets

from django.utils.text import slugify

TOKEN_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
TOKEN_LENGTH = 8


def new_token() -> str:
    return "".join(secrets.choice(TOKEN_LETTERS) for _ in range(TOKEN_LENGTH))


def slug_from(words: list[str], token: str) -> str:
    """Like `agent-performance-optimization-x5y9z2q8`; goals without Latin letters are called `roadmap-…`."""
    name = slugify(" ".join(words))[:100].strip("-") or "roadmap"
    return f"{name}-{token}"


def token_of(slug: str) -> str:
    return slug.rpartition("-")[2]
