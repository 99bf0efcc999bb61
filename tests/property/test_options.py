"""Two readers of one table: whatever the quick one takes, argparse reads as the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from envbuild.cli.arguments import parse_arguments
from envbuild.cli.verbs import VERB_NAMES, find_verb, read_plainly
from tests.support.examples import examples

if TYPE_CHECKING:
    from envbuild.cli.options import Parameter

_WORDS = ("web", "asr", "7", "0", "a b", "", "env", "cuda=12", "json", "sarif", "30d", "-", "-1")
_STRANGE = ("--", "-h", "--nope", "-x", "--version", "--form", *VERB_NAMES)


def _spelled(option: Parameter) -> st.SearchStrategy[list[str]]:
    """The option with a value behind it, with `=`, or with none."""
    words = st.sampled_from(_WORDS)
    return st.one_of(
        st.just([option.name]),
        words.map(lambda word: [option.name, word]),
        words.map(lambda word: [f"{option.name}={word}"]),
    )


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """A verb with its own options and operands in any order, and now and then something strange."""
    verb = find_verb(draw(st.sampled_from(VERB_NAMES)))
    assert verb is not None
    options = [row for row in verb.table if not row.is_operand]
    piece = st.one_of(
        st.sampled_from(options).flatmap(_spelled),
        st.sampled_from(_WORDS).map(lambda word: [word]),
        st.sampled_from(_WORDS).map(lambda word: [word]),
    )
    strange = st.sampled_from(_STRANGE).map(lambda word: [word])
    pieces = draw(st.lists(st.one_of(piece, piece, piece, strange), max_size=5))
    place = draw(st.integers(0, len(pieces)))
    before, after = pieces[:place], pieces[place:]
    return [word for part in (*before, [verb.name], *after) for word in part]


@settings(max_examples=examples(300), deadline=None)
@given(command_lines())
def test_both_readers_agree(argv: list[str]) -> None:
    """The verb and every argument are the same."""
    plain = read_plainly(argv)
    if plain is not None:
        verb, arguments = parse_arguments(argv)
        assert (plain[0], vars(plain[1])) == (verb, vars(arguments))
