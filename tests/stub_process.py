"""The stub model as a process of its own."""

import json
import subprocess
import sys
import urllib.request
from typing import Any

from roadmap_project.fleet import ROOT


class Model:
    """The stub model as a process, and what it was asked."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.stub_model", "--port", "0", "--concepts", "18", *arguments],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self._process.stdout
        self.url = self._process.stdout.readline().strip()

    def control(self, what: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url.removesuffix('/v1')}/control/{what}", data=data)
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.loads(response.read() or b"null")

    def bought(self) -> list[tuple[str, str]]:
        """Complete answers, by purpose and prompt; a repair turn is another purchase of the same prompt."""
        requests = self.control("requests")
        return [
            (each["purpose"], each["prompt_sha256"]) for each in requests if each["status"] == 200 and each["is_sent"]
        ]

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        if self._process.stdout:
            self._process.stdout.close()
