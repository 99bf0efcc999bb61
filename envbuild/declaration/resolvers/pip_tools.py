"""pip-tools: pip's own resolver, for targets whose Python and platform this host has."""

from __future__ import annotations

from envbuild.declaration.resolvers import ResolverKind

RESOLVER = ResolverKind(
    name="pip-tools",
    module="envbuild.piptools.resolver",
    refuses=("overrides", "inherit"),
    only_here=True,
)
