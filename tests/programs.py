"""A person's own program, as the API sees it."""

import json
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from roadmap_project import api_tokens

ROOT = "/api/v1/"


class Program:
    """Sends JSON with a token of the person's; without a person, with none."""

    def __init__(self, user: User | None = None, **client: Any) -> None:
        headers = {}
        if user is not None:
            self.token, self.secret = api_tokens.make(user=user, name=f"program {user.api_tokens.count()}")
            headers["Authorization"] = f"Bearer {self.secret}"
        self.client = Client(headers=headers, **client)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        """`body` as it is where it is bytes, else as JSON; headers by their names with underscores."""
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.generic(
            method.upper(),
            ROOT + path.removeprefix(ROOT),
            data,
            content_type="application/json" if data else "",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )
