"""What a generation was when it was made, kept apart from it, so that a change to either shows."""

from __future__ import annotations

import json

from envbuild.digest import json_sha256
from envbuild.errors import HostError, Problem
from envbuild.value import value

FORMAT = 1


@value
class Seal:
    """What stands in `<store>/seals/N.json`."""

    manifest: str
    """The text of the generation's manifest: what `verify` compares with, and `--repair` puts back."""

    receipts: tuple[tuple[str, str], ...]
    """Each environment's folder name with the sha256 (hex) of its receipt, in name order."""

    def receipt(self, environment: str) -> str | None:
        """The digest of an environment's receipt, or None where the generation has no such one."""
        return dict(self.receipts).get(environment)


def render_seal(seal: Seal) -> str:
    """The seal as JSON; its last field is the digest of the others."""
    table = {"version": FORMAT, "manifest": seal.manifest, "receipts": dict(seal.receipts)}
    return json.dumps({**table, "digest": json_sha256(table)}, indent=1) + "\n"


def parse_seal(text: str, *, file: str) -> Seal:
    """The value of a seal's text; HostError names the file where it was changed or is none."""
    try:
        table = json.loads(text)
        digest = table.pop("digest")
        if digest != json_sha256(table):
            raise HostError(Problem(file=file, message="the seal was changed"))
        if table["version"] != FORMAT:
            message = f"seal format {table['version']!r} is not known to this envbuild ({FORMAT})"
            raise HostError(Problem(file=file, message=message))
        receipts = tuple(table["receipts"].items())
        return Seal(manifest=table["manifest"], receipts=receipts)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HostError(Problem(file=file, message=f"the seal is damaged: {error!r}")) from error
