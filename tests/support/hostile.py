"""Small declarations and lockfiles that ask for much: each name says what it does."""

from __future__ import annotations

from typing import Any

HEAD = "version = 1\n"
DRIVER = '[drivers.a]\nrequires = ["a"]\n'


def _each(count: int, text: str, first: int = 0) -> str:
    """A text for each number; `@` is the number, `^` the next one, `~` the one before."""
    return "".join(
        text.replace("@", str(n)).replace("^", str(n + 1)).replace("~", str(n - 1))
        for n in range(first, first + count)
    )


DECLARATIONS: dict[str, str] = {
    "sets-that-include-twice": HEAD
    + _each(60, '[sets.s@]\nrequires = [{ include = "s^" }, { include = "s^" }]\n')
    + '[sets.s60]\nrequires = ["a"]\n[drivers.a]\nrequires = [{ include = "s0" }]\n',
    "a-long-chain-of-sets": HEAD
    + _each(15000, '[sets.s@]\nrequires = ["a@", { include = "s^" }]\n')
    + '[drivers.a]\nrequires = [{ include = "s0" }]\n',
    "a-long-chain-of-sets-the-last-first": HEAD
    + '[sets.s0]\nrequires = ["a"]\n'
    + _each(15000, '[sets.s@]\nrequires = ["a@", { include = "s~" }]\n', 1)
    + '[drivers.a]\nrequires = [{ include = "s9" }]\n',
    "a-long-chain-of-drivers": HEAD
    + '[drivers.d0]\nrequires = ["a"]\n'
    + _each(990, '[drivers.d@]\nextends = "d~"\nrequires = ["a@"]\n', 1),
    "a-long-chain-of-drivers-the-last-first": HEAD
    + _each(990, '[drivers.d@]\nextends = "d^"\nrequires = ["a@"]\n'),
    "too-many-drivers": HEAD + _each(20000, '[drivers.d@]\nrequires = ["a"]\n'),
    "constraints-for-many-drivers": HEAD
    + f"[defaults]\nconstraints = [{_each(40000, repr('a@>1') + ', ')}]\n"
    + _each(900, '[drivers.d@]\nrequires = ["a"]\n'),
    "unknown-drivers": HEAD + _each(990, '[drivers.d@]\nextends = "n@"\nrequires = ["a"]\n'),
    "unknown-keys": HEAD + _each(50000, "k@ = 1\n"),
    "patterns": HEAD
    + f'[[index]]\nname = "x"\nurl = "https://x/"\npackages = [{_each(6000, repr("p@-*") + ", ")}]\n'
    + DRIVER,
    "names-bound-to-indexes": HEAD
    + f'[[index]]\nname = "x"\nurl = "https://x/"\npackages = [{_each(50000, repr("p@") + ", ")}]\n'
    + DRIVER,
    "pythons-times-platforms": HEAD
    + f"[defaults]\npython = [{''.join(_each(99, repr(f'3.{minor}.@') + ', ') for minor in range(8, 99))}]\n"
    + DRIVER,
    "a-dotted-key": f"{HEAD}{'a.' * 20000}b = 1\n",
    "a-dotted-key-inside": f"{HEAD}x = {{ {'a.' * 20000}b = 1 }}\n",
    "a-dotted-header": f"{HEAD}[{'a.' * 20000}b]\n",
    "deep-lists": f"{HEAD}x = {'[' * 100_000}{']' * 100_000}\n",
    "deep-tables": f"{HEAD}x = {'{a=' * 100_000}1{'}' * 100_000}\n",
    "a-large-version": f"version = 0x{'f' * 900_000}\n",
    "a-large-time-out": f"{HEAD}{DRIVER}probe-timeout = 0x{'f' * 90_000}\n",
    "a-large-decimal": f"version = {'9' * 5000}\n",
    "a-requirement-of-5000-digits": f'{HEAD}[drivers.a]\nrequires = ["a=={"9" * 5000}"]\n',
    "a-marker-of-parentheses": f"{HEAD}[drivers.a]\nrequires = "
    f"[\"a; {'(' * 1500}os_name == 'a'{')' * 1500}\"]\n",
    "a-host-of-stars": f'{HEAD}{DRIVER}[hosts.h]\nhostname = "{"*a" * 200_000}"\n'
    '[hosts.h.drivers.a]\nenv = { A = "b" }\n',
    "many-hosts": HEAD
    + DRIVER
    + _each(10000, '[hosts.h@]\nhostname = "*"\n[hosts.h@.drivers.a]\nenv = { A@ = "b" }\n'),
    "drivers-that-coexist-in-many-rules": HEAD
    + _each(990, '[drivers.d@]\nrequires = ["a"]\n')
    + f"[[coexist]]\ndrivers = [{_each(990, repr('d@') + ', ')}]\n" * 50,
    "packages-that-agree-everywhere": HEAD
    + _each(990, '[drivers.d@]\nrequires = ["a"]\n')
    + f"[[agree]]\npackages = [{_each(60000, repr('p@') + ', ')}]\n",
    "no-end-of-a-line": HEAD + "a" * 1_000_000,
    "nothing-but-lines": "\n" * 1_000_000,
    "nulls": "\0" * 1_000_000,
}
"""Each is at most a megabyte, as much as is read of a declaration."""

BROKEN: dict[str, dict[str, Any]] = {
    "a-requirement-of-punctuation": {"requires": ("[]",)},
    "a-marker-without-an-end": {"requires": ('b; os_name == "',)},
    "a-marker-that-nothing-can-evaluate": {"requires": ('b; os_name ~= "posix"',)},
    "a-marker-of-an-unknown-variable": {"requires": ('b; color == "red"',)},
    "a-marker-of-parentheses": {
        "requires": (f"b; {'(' * 1500}os_name == 'a'{')' * 1500}",),
    },
    "a-marker-closed-before-it-is-opened": {
        "requires": ("b; os_name == 'a') and (os_name == 'a'",),
    },
    "a-requirement-at-an-address": {"requires": ("b @ file:evil",)},
    "a-version-that-is-none": {"version": "one"},
    "a-version-of-5000-digits": {"version": "9" * 5000},
    "a-specifier-of-5000-digits": {"requires": (f"b=={'9' * 5000}",)},
    "an-endless-requirement": {"requires": (f"b{',>=1' * 9000}",)},
    "an-option-as-a-line": {"inputs": {"requires": ("-r /etc/passwd",)}},
    "an-option-on-a-further-line": {"inputs": {"requires": ("b\n-r /etc/passwd",)}},
    "a-constraint-that-is-none": {"inputs": {"constraints": ("[",)}},
    "an-override-at-an-address": {"inputs": {"overrides": ("b @ ./evil",)}},
    "a-date-that-is-an-option": {"inputs": {"exclude_newer": "--config-file=evil"}},
    "thousands-of-constraints": {"inputs": {"constraints": ("b>1",) * 6000}},
    "thousands-of-extras": {
        "requires": (
            f"a[{','.join(f'e{n}' for n in range(900))}]",
            *(f"b{n}" for n in range(900)),
        ),
    },
}
"""Changes of a locked package `a`, or of what was asked for, that no `envbuild lock` writes."""
