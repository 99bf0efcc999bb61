"""The words of the verbs that deal with launchers and with the declaration's text."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from envbuild.launchers import FORMATS, STABLE_FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable

_LAST_PORT = 65535
_SOURCES = (
    "requirements.in or .txt, what `pip list` prints, pyproject.toml or pipx.toml with groups, "
    "a venv, a gpumod preset (.yaml) or a folder of them, a Xinference model (.json)"
)


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 1 to {_LAST_PORT}")
    return int(text)


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("export_format", metavar="FORMAT", choices=FORMATS, help=", ".join(FORMATS))
    parser.add_argument("drivers", metavar="DRIVER", nargs="*", help="default: all of them")
    paths = parser.add_mutually_exclusive_group()
    paths.add_argument(
        "--stable",
        action="store_true",
        default=None,
        help=f"name paths that follow every switch (default for {', '.join(STABLE_FORMATS)})",
    )
    paths.add_argument(
        "--exact", dest="stable", action="store_false", help="name this generation's environments"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--out", metavar="DIR", help="write files there instead of printing them")
    where.add_argument(
        "--check",
        metavar="FILE",
        nargs="+",
        default=[],
        help="write nothing; exit 1 if FILE is not what would be written, and say why",
    )
    parser.add_argument(
        "--arguments", metavar="TEXT", help="what follows the command, as in a shell"
    )
    parser.add_argument("--unit", metavar="FILE", help="a unit whose arguments its drop-in keeps")
    parser.add_argument("--image", metavar="IMAGE", help="the container image, with tag or digest")
    parser.add_argument("--port", metavar="N", type=_port, help="the port that is listened on")
    parser.add_argument("--wheels", metavar="DIR", help="the folder that xinference installs from")
    parser.add_argument(
        "--target", metavar="TARGET", help="just this target of the lockfiles, as they name it"
    )


def _probe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("drivers", metavar="DRIVER", nargs="*", help="default: every current one")


def _import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sources", metavar="PATH", nargs="+", help=_SOURCES)
    parser.add_argument("--name", metavar="DRIVER", help="call the driver so")
    parser.add_argument("--engine", metavar="NAME", help="what a Xinference model is to run on")


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("driver", metavar="DRIVER")
    parser.add_argument("requirements", metavar="REQUIREMENT", nargs="+")


def _remove(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("driver", metavar="DRIVER")
    parser.add_argument(
        "requirements", metavar="PACKAGE", nargs="*", help="without any, the driver itself goes"
    )


def _edit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("driver", metavar="DRIVER")
    parser.add_argument("key", metavar="KEY", help="such as binary or env.NAME")
    parser.add_argument("value", metavar="VALUE", help="TOML; what is none is taken as a string")


def _show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("drivers", metavar="DRIVER", nargs="*", help="default: all of them")


FLEET_ARGUMENTS: tuple[tuple[str, str, Callable[[argparse.ArgumentParser], None]], ...] = (
    ("export", "write what launchers and other tools read", _export),
    ("import", "begin drivers out of requirements, groups, venvs, presets or models", _import),
    ("add", "require more in the declaration, which keeps its comments and order", _add),
    ("remove", "require less in the declaration, or remove a driver", _remove),
    ("edit", "set a key of a driver in the declaration", _edit),
    ("show", "print a driver's effective declaration, and where each line comes from", _show),
    ("probe", "run the declared probes on what is current", _probe),
)
