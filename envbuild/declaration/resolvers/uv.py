"""uv: every target on any host, and every key of a driver."""

from __future__ import annotations

from envbuild.declaration.resolvers import ResolverKind

RESOLVER = ResolverKind(name="uv", module="envbuild.uv.resolver")
