"""Index servers that others wrote: devpi, and bandersnatch's mirror of an index."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import subprocess
from typing import TYPE_CHECKING, Any

import urllib3

from tests.support.http import Handler, LoopbackServer
from tests.support.programs import Program, free_port, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.support.wheels import Wheel

DEVPI = Program(name="devpi-server", package="devpi-server", in_venv=True)
DEVPI_INIT = Program(name="devpi-init", package="devpi-server", in_venv=True)
BANDERSNATCH = Program(name="bandersnatch", package="bandersnatch", in_venv=True)
_PASSWORD = "secret"


@contextlib.contextmanager
def run_devpi(folder: Path, wheels: Sequence[Wheel]) -> Iterator[str]:
    """devpi-server with one index that holds these wheels; yields the index's URL."""
    state, port = folder / "devpi", free_port()
    init = ("--serverdir", state, "--no-root-pypi", "--root-passwd", _PASSWORD)
    subprocess.run((DEVPI_INIT.find(), *init), check=True, capture_output=True, timeout=120)
    argv = (DEVPI.find(), "--serverdir", state, "--host", "127.0.0.1", "--port", str(port))
    with serving(argv, folder, ("127.0.0.1", port), log="devpi.log"):
        origin = f"http://127.0.0.1:{port}"
        _fill(origin, wheels)
        yield f"{origin}/root/dev/+simple"


def _fill(origin: str, wheels: Sequence[Wheel]) -> None:
    """Make devpi's index `root/dev`, and upload to it as twine does."""
    with urllib3.PoolManager() as web:
        login = {"user": "root", "password": _PASSWORD}
        answer = web.request("POST", f"{origin}/+login", json=login).json()
        token = base64.b64encode(f"root:{answer['result']['password']}".encode()).decode()
        who = {"X-Devpi-Auth": token, "Accept": "application/json"}
        made = web.request("PUT", f"{origin}/root/dev", json={"bases": []}, headers=who)
        assert made.status == 200, made.data
        for wheel in wheels:
            fields: dict[str, Any] = {
                ":action": "file_upload",
                "protocol_version": "1",
                "name": wheel.name,
                "version": wheel.version,
                "metadata_version": "2.1",
                "filetype": "bdist_wheel",
                "pyversion": "py3",
                "content": (wheel.filename, wheel.to_bytes()),
            }
            done = web.request("POST", f"{origin}/root/dev/", fields=fields, headers=who)
            assert done.status == 200, done.data


_MIRROR = """\
[mirror]
directory = {folder}/mirror
master = {master}
allow-non-https = true
json = false
release-files = true
simple-format = {format}
workers = 1
timeout = 20
global-timeout = 60
hash-index = false
stop-on-error = true
verifiers = 1
compare-method = hash
"""


def mirror(folder: Path, wheels: Sequence[Wheel], *, pages: str = "ALL") -> Path:
    """Let bandersnatch mirror an index that holds these wheels → the folder to serve.

    `pages` are the formats in which it writes them: `HTML`, `JSON` or `ALL`.
    """
    with _Master(wheels) as master:
        config = folder / "bandersnatch.conf"
        config.write_text(_MIRROR.format(folder=folder, master=master.origin, format=pages))
        argv = (BANDERSNATCH.find(), "-c", config, "mirror")
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return folder / "mirror" / "web"


class _Master(LoopbackServer):
    """What bandersnatch mirrors: serials, JSON of each project, files."""

    def __init__(self, wheels: Sequence[Wheel]) -> None:
        super().__init__(_MasterHandler)
        self.wheels = {wheel.filename: wheel for wheel in wheels}


class _MasterHandler(Handler):
    server: _Master

    def respond(self) -> None:
        """Serve the list of projects, one project, or a file."""
        path = self.path.strip("/")
        wheels = self.server.wheels.values()
        if path == "simple":
            projects = [{"name": wheel.name, "_last-serial": 1} for wheel in wheels]
            self._json({"meta": {"api-version": "1.1", "_last-serial": 1}, "projects": projects})
        elif path.startswith("pypi/"):
            name = path.split("/")[1]
            self._json(self._project([wheel for wheel in wheels if wheel.name == name]))
        else:
            self.answer(200, self.server.wheels[path.rpartition("/")[2]].to_bytes())

    def _json(self, value: object) -> None:
        kind = {"Content_Type": "application/json", "X_PYPI_LAST_SERIAL": "1"}
        self.answer(200, json.dumps(value).encode(), **kind)

    def _project(self, wheels: Sequence[Wheel]) -> dict[str, Any]:
        releases = {wheel.version: [self._file(wheel)] for wheel in wheels}
        info = {"name": wheels[0].name, "version": wheels[0].version}
        return {"info": info, "last_serial": 1, "releases": releases}

    def _file(self, wheel: Wheel) -> dict[str, Any]:
        content, place = wheel.to_bytes(), f"packages/{wheel.sha256[:2]}/{wheel.filename}"
        return {
            "filename": wheel.filename,
            "url": f"{self.server.origin}/{place}",
            "digests": {"sha256": wheel.sha256, "md5": hashlib.md5(content).hexdigest()},
            "size": len(content),
            "upload_time_iso_8601": "2026-01-01T00:00:00.000000Z",
            "upload_time": "2026-01-01T00:00:00",
            "requires_python": None,
            "yanked": False,
            "packagetype": "bdist_wheel",
        }
