"""The quick reader takes the plain spellings, and leaves all others to argparse."""

from __future__ import annotations

import pytest

from envbuild.cli.arguments import parse_arguments
from envbuild.cli.verbs import VERB_NAMES, find_verb, read_plainly
from envbuild.errors import UsageError


@pytest.mark.parametrize(
    "argv",
    [
        "history",
        "ps --format json",
        "--format=text --store /s --file x/d.toml ps",
        "rollback",
        "rollback 12",
        "verify web asr --store /s",
        "verify --quick web --format json",
        "gc --keep=1 --cache",
        "lock",
        "lock web --check asr",
        "lock --check --upgrade-package Numpy --upgrade-package scipy",
        "sync web asr --store /s --jobs 2 --wait-lock 1.5",
        "which web --env",
        "run web --store y -- -h",
        "run web --",
        "run web -- -- x",
        "export systemd web --exact --out there",
        "check --format sarif --host cuda=12.4",
        "edit web env.A 1",
    ],
)
def test_plain_spellings_are_read_as_argparse_reads_them(argv: str) -> None:
    """Both ways give a verb the same arguments."""
    plain = read_plainly(argv.split())
    assert plain is not None
    verb, arguments = parse_arguments(argv.split())
    assert (plain[0], vars(plain[1])) == (verb, vars(arguments))


@pytest.mark.parametrize(
    "argv",
    [
        "",
        "-h",
        "lok",
        "ps --help",
        "history x",
        "ps --quick",
        "ps --format markdown",
        "--format sarif check",
        "rollback 0",
        "rollback 1 2",
        "verify --quick --repair",
        "verify --quick=yes",
        "gc --keep",
        "gc --keep -1",
        "list --format=",
        "add web",
        "export env --check a b",
        "lock -- web",
        "--store",
        "--",
    ],
)
def test_all_else_is_left_to_argparse(argv: str) -> None:
    """Only argparse says what is wrong, and only it prints help."""
    assert read_plainly(argv.split()) is None


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("rollback one", "N: 'one' must be a whole number, 1 or more"),
        ("gc --older-than 3", "'3' must be an age, such as 12h, 30d or 4w"),
        ("sync --wait-lock no", "'no' must be a number of seconds from 0 to 86400"),
        ("lock --upgrade-package -x", "--upgrade-package: its value is missing"),
        ("lock --upgrade-package x!", "'x!' is not the name of a package"),
        ("check --format yaml", "'yaml' is not one of text, json, markdown, github, sarif"),
        ("lok", "there is no command 'lok'"),
        ("", "COMMAND is missing"),
        (
            "why",
            "DRIVER and PACKAGE are missing\n  hint: write `envbuild why [OPTIONS] DRIVER PACKAGE`",
        ),
        ("run", "DRIVER is missing"),
        ("lock --upgarde", "there is no option '--upgarde'\n  hint: did you mean '--upgrade'?"),
        ("lock --check --dry-run", "--dry-run: cannot be used together with --check"),
        ("lock --check=3", "--check: it takes no value"),
        ("history x", "'x' is not expected here"),
    ],
)
def test_a_mistake_is_named(argv: str, message: str) -> None:
    """The message names the option, and what it must be."""
    with pytest.raises(UsageError) as raised:
        parse_arguments(argv.split())
    assert message in str(raised.value.problems[0])


def test_what_follows_two_dashes_is_no_option() -> None:
    """Directly behind the verb too."""
    assert parse_arguments(["edit", "--", "web", "env.A", "--check"])[1].value == "--check"
    assert parse_arguments(["edit", "web", "env.A", "--", "-1"])[1].value == "-1"


@pytest.mark.parametrize(
    ("argv", "given"),
    [
        (["web", "--", "-h"], ("-h",)),
        (["web", "--", "--", "x"], ("--", "x")),
        (["web", "-x", "--", "y"], ("-x", "--", "y")),
    ],
)
def test_a_driver_gets_its_own_words(argv: list[str], given: tuple[str, ...]) -> None:
    """Just the two dashes directly behind the driver are not its own."""
    plain = read_plainly(["run", *argv])
    assert plain is not None
    assert plain[1].arguments == given


@pytest.mark.parametrize("name", VERB_NAMES)
def test_every_verb_has_a_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The list of all verbs and the verb's own help have its summary."""
    verb = find_verb(name)
    assert verb is not None
    for argv in (["--help"], [name, "--help"]):
        with pytest.raises(SystemExit):
            parse_arguments(argv)
        said = " ".join(capsys.readouterr().out.split())
        assert verb.help[1:-1] in said
