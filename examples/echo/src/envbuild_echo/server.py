"""The command `envbuild-echo`."""

from __future__ import annotations

import argparse
from importlib.metadata import version

import uvicorn

from envbuild_echo.app import app


def main(argv: list[str] | None = None) -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="envbuild-echo", description="Answers with what it gets.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--version", action="version", version=version("envbuild-echo"))
    arguments = parser.parse_args(argv)
    uvicorn.run(app, host=arguments.host, port=arguments.port)


if __name__ == "__main__":
    main()
