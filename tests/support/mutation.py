"""Random changes of TOML that leave most of it TOML."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

VALUES = (
    *('""', '"a"', '"-"', '"a @ file:b"', '"a; extra == \\"x\\""', '"a; os_name ~= \\"x\\""'),
    *('"a>=1,<2"', '"a[x,y]"', '"a==9999999999999999999999"', "\"a; ((os_name == 'a'\""),
    *('"a; python_version in \\"3.8\\""', '"a; platform_release >= \\"5\\""', '"\\u0000"'),
    *('"\\u202e"', '"::error::x"', '"é"', '"3.12"', '"x86_64-manylinux_2_28"', '"1!2.0+x"'),
    *("0", "-1", "1e400", "nan", "0xffffffffffffffffff", "true", "1979-05-27", "07:32:00"),
    *("[]", "[[]]", "{}", '{ include = "a" }', '["a", "a"]', "[1]", '[["a"]]', '{ cuda = ">=1" }'),
)
KEYS = (
    *("requires", "extends", "enabled", "env", "overrides", "constraints", "python", "platforms"),
    *("targets", "files", "package", "indexes.x", '"."', "version", "name", "include", "commands"),
    *("probe", "imports", "hostname", "drivers", "a.b.c", "exclude-newer", "allow-sdist", "digest"),
)
HEADS = (
    *("[drivers.a]", "[drivers.b]", "[[index]]", "[sets.s]", "[hosts.h]", "[hosts.h.drivers.a]"),
    *("[[agree]]", "[[coexist]]", "[defaults]", "[[package]]", "[inputs]", "[inputs.indexes]"),
)
_VALUE = re.compile(r'"(?:[^"\\\n]|\\.)*"|\[[^\[\]\n]*\]|\b\d+\b')
_DIGEST = re.compile(r'^digest = "[^"\n]*"\n', re.MULTILINE)


def mutate(rng: random.Random, text: str) -> str:
    """The text with a few changes."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        text = rng.choice((_value, _value, _value, _line, _line, _insert, _characters, _repeat))(
            rng, text
        )
    return text[:100_000]


def sign(text: str) -> str:
    """A lockfile's text with the digest that belongs to it."""
    bare = _DIGEST.sub("", text, count=1)
    head, mark, rest = bare.partition("format = 1\n")
    digest = hashlib.sha256(bare.encode(errors="replace")).hexdigest()
    return f'{head}{mark}digest = "sha256:{digest}"\n{rest}' if mark else bare


def _value(rng: random.Random, text: str) -> str:
    found = list(_VALUE.finditer(text))
    if not found:
        return text
    one = rng.choice(found)
    new = rng.choice((*VALUES, rng.choice(found)[0]))
    return text[: one.start()] + new + text[one.end() :]


def _line(rng: random.Random, text: str) -> str:
    lines = text.split("\n")
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    what = rng.randrange(3)
    if what == 0:
        del lines[one]
    elif what == 1:
        lines.insert(other, lines[one])
    else:
        lines[one], lines[other] = lines[other], lines[one]
    return "\n".join(lines)


def _insert(rng: random.Random, text: str) -> str:
    lines = text.split("\n")
    new = rng.choice((f"{rng.choice(KEYS)} = {rng.choice(VALUES)}", rng.choice(HEADS)))
    lines.insert(rng.randrange(len(lines) + 1), new)
    return "\n".join(lines)


def _characters(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    new = rng.choice(
        ("", "\0", "\n", '"', "'", "[", "]", "{", "}", ".", "=", "\u2028", "\ufeff", "9")
    )
    return text[:at] + new + text[at + rng.randrange(4) :]


def _repeat(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text) + 1)
    part = text[at : at + rng.randrange(1, 40)]
    return text[:at] + part * rng.choice((2, 10, 300)) + text[at:]
