"""Find a release at the places that a host is configured with, and decide whether the host may follow it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import IndexFailureError, NoError, Problem
from envbuild.release.compression import decompress
from envbuild.release.document import parse_release
from envbuild.release.layout import is_release
from envbuild.release.oci import digest_of, parse_manifest, signature_tag
from envbuild.release.place import PlaceError
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from envbuild.release.document import Release
    from envbuild.release.oci import Descriptor, OciManifest
    from envbuild.release.place import Origin
    from envbuild.release.stage import Stage

_MOST_CONFIG = 64 << 20


@value
class FoundRelease:
    """A release, as a place has it."""

    release: Release
    manifest: OciManifest
    digest: str
    """The manifest's."""

    place: str
    untrusted: str | None
    """Why only its wheels are used, which the lockfiles vouch for; None if a trusted key has signed it."""

    def blobs(self, media_type: str) -> tuple[Descriptor, ...]:
        """Its layers of a kind."""
        return tuple(one for one in self.manifest.layers if one.media_type == media_type)


def find_release(
    origins: Sequence[tuple[str, Origin]],
    stage: Stage,
    why_untrusted: Callable[[str, bytes | None], str | None] | None,
    note: Callable[[str], None],
) -> FoundRelease:
    """The release of the first place that has a complete one.

    `why_untrusted` judges a manifest's digest and the manifest of its signature; None if no key is trusted.
    IndexFailureError has the reason of each place if none does.
    """
    problems: list[Problem] = []
    for name, origin in origins:
        try:
            found = _read(name, origin, stage, why_untrusted)
        except PlaceError as error:
            problems.append(Problem(file=name, message=f"gives no release: {error}"))
        except IndexFailureError as error:
            problems += error.problems
        else:
            for problem in problems:
                note(f"warning: {problem.lines()[0]}")
            return found
    raise IndexFailureError(problems)


def _read(
    name: str,
    origin: Origin,
    stage: Stage,
    why_untrusted: Callable[[str, bytes | None], str | None] | None,
) -> FoundRelease:
    content = origin.manifest()
    if content is None:
        raise PlaceError("nothing has been published there")
    if not is_release(content):
        raise PlaceError("it is not a release of envbuild")
    try:
        manifest = parse_manifest(content)
        if manifest.config.size > _MOST_CONFIG:
            raise PlaceError("its config is too large")
        lacking = stage.fetch([manifest.config])
        config = stage.read(manifest.config)
        if lacking or config is None:
            raise PlaceError("; ".join(lacking[0].reasons) if lacking else "its config is gone")
        release = parse_release(decompress(config, most=_MOST_CONFIG), place=name)
    except ValueError as error:
        raise PlaceError(str(error)) from error
    digest = digest_of(content)
    return FoundRelease(
        release=release,
        manifest=manifest,
        digest=digest,
        place=name,
        untrusted=_judge(origin, stage, digest, why_untrusted),
    )


def _judge(
    origin: Origin,
    stage: Stage,
    digest: str,
    why_untrusted: Callable[[str, bytes | None], str | None] | None,
) -> str | None:
    """Why the release is not trusted; a signature that was good is kept, and not asked for again."""
    if why_untrusted is None:
        return "this host trusts no key"
    tag = signature_tag(digest)
    known = stage.recall(tag)
    if known is not None and why_untrusted(digest, known) is None:
        return None
    try:
        signature = origin.manifest(tag)
    except PlaceError as error:
        return f"its signature cannot be fetched: {error}"
    reason = why_untrusted(digest, signature)
    if reason is None and signature is not None:
        stage.keep(tag, signature)
    return reason


def refuse_old(found: FoundRelease, *, seen: int, now: str) -> None:
    """NoError if the release has expired by the time `now`, or the host has `seen` a later one."""
    release, problems = found.release, []
    hint = "publish again; or accept it with --allow-older"
    if release.expires is not None and release.expires <= now:
        message = f"release {release.sequence} expired at {release.expires}"
        problems.append(Problem(file=found.place, message=message, hint=hint))
    if release.sequence < seen:
        message = (
            f"release {release.sequence} is older than release {seen}, which this host had before"
        )
        problems.append(
            Problem(
                file=found.place,
                message=message,
                hint="if this is intended, publish it again, or add --allow-older",
            )
        )
    if problems:
        raise NoError(problems)
