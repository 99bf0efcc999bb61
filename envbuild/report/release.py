"""What `envbuild publish` and `fetch` print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.report.lines import render_bytes, render_count
from envbuild.text import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.fetch import Fetched
    from envbuild.commands.publish import Published
    from envbuild.text import Text


def render_published(result: Published) -> Text:
    """The release, what was written, and what it does not hold."""
    return text_of(_lines(result))


def _lines(result: Published) -> Iterator[str]:
    release = result.release
    written = sum(blob.size for blob in result.uploaded)
    yield f"release {release.sequence} at {result.destination}: {result.digest}"
    for one in release.environments:
        yield f"  {one.driver} {one.version} for {one.target}: content {one.content}"
    for left in release.left_out:
        yield f"  left out: {left.driver}: {left.what}: {left.reason}"
    held = f"{render_count(result.blobs, 'blob')} with {render_bytes(result.size)}"
    if result.unchanged:
        yield f"{held}; it was there already"
    elif len(result.uploaded) == result.blobs:
        yield f"{held} written"
    else:
        sent = f"{len(result.uploaded)} of them with {render_bytes(written)}"
        yield f"{held}; {sent} written"
    if not result.signed:
        yield (
            "it is not signed: hosts use its wheels, and compile the bytecode themselves; "
            "`--sign KEY` signs it"
        )


def published_table(result: Published) -> dict[str, object]:
    """The same as a JSON object."""
    release = result.release
    return {
        "destination": result.destination,
        "sequence": release.sequence,
        "previous": release.previous,
        "digest": result.digest,
        "created": release.created,
        "expires": release.expires,
        "unchanged": result.unchanged,
        "signed": result.signed,
        "blobs": result.blobs,
        "size": result.size,
        "uploaded": {
            "blobs": len(result.uploaded),
            "size": sum(blob.size for blob in result.uploaded),
        },
        "environments": [
            {
                "driver": one.driver,
                "version": one.version,
                "target": one.target,
                "key": one.key,
                "content": one.content,
            }
            for one in release.environments
        ],
        "left_out": [
            {"driver": one.driver, "what": one.what, "reason": one.reason}
            for one in release.left_out
        ],
    }


def render_fetched(result: Fetched) -> Text:
    """How many files there are, and how many came."""
    files = render_count(len(result.files), "file")
    size = render_bytes(sum(file.size for file in result.files))
    there = len(result.files) - len(result.downloaded)
    came = f"{len(result.downloaded)} downloaded, {there} there already"
    return text_of([f"{files} with {size} in {result.out}: {came}"])


def fetched_table(result: Fetched) -> dict[str, object]:
    """The same as a JSON object."""
    new = set(result.downloaded)
    return {
        "out": result.out,
        "files": [
            {
                "package": file.package,
                "version": file.version,
                "file": file.file,
                "sha256": file.sha256,
                "size": file.size,
                "downloaded": file.file in new,
            }
            for file in result.files
        ],
    }
