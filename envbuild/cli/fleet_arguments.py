"""The words of the verbs that deal with launchers and with the declaration's text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.launchers.registry import all_formats, all_options

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

_SOURCES = (
    "requirements.in or .txt, what `pip list` prints, pyproject.toml or pipx.toml with groups, "
    "a venv, a gpumod preset (.yaml) or a folder of them, a Xinference model (.json)"
)


def _export(parser: argparse.ArgumentParser) -> None:
    formats = [known.name for known in all_formats()]
    stable = [known.name for known in all_formats() if known.stable]
    parser.add_argument("export_format", metavar="FORMAT", choices=formats, help=", ".join(formats))
    parser.add_argument("drivers", metavar="DRIVER", nargs="*", help="default: all of them")
    paths = parser.add_mutually_exclusive_group()
    paths.add_argument(
        "--stable",
        action="store_true",
        default=None,
        help=f"name paths that follow every switch (default for {', '.join(stable)})",
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
    for option, takers in all_options().items():
        words = f"{option.help} ({', '.join(takers)})"
        parser.add_argument(f"--{option.name}", metavar=option.metavar, help=words)


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
