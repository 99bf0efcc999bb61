"""The service as its clients see it, on a port of loopback."""

from __future__ import annotations

import json
import socket
import threading
import time
import unittest
import urllib.error
import urllib.request

import uvicorn
from envbuild_echo.app import LONGEST, app

_PATIENCE = 30.0
"""Seconds for the server to start, and for each answer."""


class EchoTest(unittest.TestCase):
    """One server for all tests, in a thread."""

    @classmethod
    def setUpClass(cls) -> None:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        cls.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        cls.server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        cls.thread = threading.Thread(target=cls.server.run, args=([listener],), daemon=True)
        cls.thread.start()
        until = time.monotonic() + _PATIENCE
        while not cls.server.started and time.monotonic() < until:
            time.sleep(0.01)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.should_exit = True
        cls.thread.join(_PATIENCE)

    def ask(self, path: str, message: object = None) -> tuple[int, object]:
        """The status and the JSON of an answer."""
        data = None if message is None else json.dumps(message).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.address + path, data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def test_it_is_up(self) -> None:
        """What a launcher asks."""
        assert self.ask("/health") == (200, {"status": "ok"})

    def test_it_answers_with_what_it_gets(self) -> None:
        """Any characters come back as they went."""
        for text in ("hello", "", "\u00e4\u732b\n"):
            assert self.ask("/echo", {"text": text}) == (200, {"text": text})

    def test_what_is_no_message_is_refused(self) -> None:
        """Without a text, or with one that is too long."""
        for message in ({}, {"text": 1}, {"text": "x" * (LONGEST + 1)}, []):
            status, _ = self.ask("/echo", message)
            assert status == 422


if __name__ == "__main__":
    unittest.main()
