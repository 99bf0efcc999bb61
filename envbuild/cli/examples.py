"""Examples of each verb, for its help and its man page."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "init": (
        ("envbuild init", "write a drivers.toml with comments, or from what is found here"),
        (
            "envbuild init --yes --from-running",
            "import what is here and what runs, without a question",
        ),
        ("envbuild init --schema", "write the schema for editors again"),
    ),
    "import": (
        ("envbuild import requirements.txt --name web", "a driver from a requirements file"),
        (
            "envbuild import pyproject.toml uv.lock --extra db",
            "a project, an extra of it, and its pins",
        ),
        ("envbuild import /opt/venvs/asr", "a driver with the versions of a venv"),
    ),
    "add": (
        ("envbuild add web 'uvicorn[standard]>=0.30'", "require a package"),
        ("envbuild add web 'numpy<2.3'", "hold it below a version"),
    ),
    "remove": (
        ("envbuild remove web numpy", "no longer require a package"),
        ("envbuild remove web", "remove the driver"),
    ),
    "edit": (
        ("envbuild edit web binary uvicorn", "set a key"),
        ("envbuild edit web env.LOG_LEVEL debug", "set a key within a table"),
    ),
    "show": (("envbuild show web", "what applies to a driver, and which line says it"),),
    "lock": (
        ("envbuild lock", "lock what is stale"),
        ("envbuild lock web --upgrade-package numpy", "let one package of one driver change"),
        ("envbuild lock --check", "exit 1 if a lockfile is stale"),
        ("envbuild lock --dry-run", "what would change, and which conflicts would appear"),
    ),
    "upgrade": (
        ("envbuild upgrade", "what `envbuild lock --upgrade` would change; writes nothing"),
        ("envbuild upgrade web --upgrade-package numpy", "if only numpy moved"),
    ),
    "build": (("envbuild build web", "build its sources, and lock the wheels"),),
    "check": (
        ("envbuild check", "the checks for a pull request"),
        ("envbuild check --against main", "and what it changes"),
    ),
    "diff": (
        ("envbuild diff", "what the lockfiles change against the last commit"),
        ("envbuild diff main", "against a branch"),
        ("envbuild diff --installed", "against what is installed"),
    ),
    "conflicts": (
        ("envbuild conflicts", "every pair of drivers"),
        ("envbuild conflicts web asr", "why two drivers cannot share an interpreter"),
    ),
    "why": (("envbuild why web numpy", "who requires numpy"),),
    "tree": (("envbuild tree web", "its packages, and what requires each"),),
    "outdated": (("envbuild outdated --all", "every package, not only what drivers require"),),
    "audit": (
        ("envbuild audit", "known vulnerabilities of what is locked, as the indexes say"),
        ("envbuild audit --installed --database all.zip", "of what is installed, without network"),
    ),
    "sync": (
        ("envbuild sync", "build what the lockfiles say, and switch to it"),
        ("envbuild sync web --dry-run", "only show what would be done"),
    ),
    "run": (
        ("envbuild run web -- --port 8000", "start the driver's binary with arguments"),
        (
            "envbuild run web --with 'numpy<2' -- --port 8000",
            "with another numpy; `current` stays as it is",
        ),
    ),
    "try": (
        ("envbuild try web --with uvicorn==0.40.0", "would its probes pass with this version?"),
        (
            "envbuild try web --with 'numpy>=2' -- python -c 'import app'",
            "would this command succeed?",
        ),
    ),
    "which": (
        ("envbuild which web", "the path of its binary"),
        ("envbuild which web --python", "the path of its Python"),
    ),
    "probe": (("envbuild probe web", "run its probes"),),
    "list": (
        ("envbuild list", "the drivers of the current generation"),
        ("envbuild list web", "one of them"),
    ),
    "status": (
        ("envbuild status", "what is installed, stale, changed, failed or old"),
        (
            "envbuild status --outdated --format prometheus",
            "for the textfile collector of node_exporter",
        ),
    ),
    "history": (("envbuild history", "every generation, and what it changed"),),
    "ps": (("envbuild ps", "what runs, and from which environment"),),
    "verify": (
        ("envbuild verify --quick", "compare sizes and times"),
        ("envbuild verify --repair", "build again what was changed"),
    ),
    "doctor": (("envbuild doctor", "problems on this host"),),
    "bisect": (
        ("envbuild bisect web", "which package broke its probes"),
        ("envbuild bisect web --good HEAD~3 -- python -c 'import app'", "with your own test"),
    ),
    "report": (("envbuild report --format json", "what this host has, for `envbuild fleet`"),),
    "fleet": (("envbuild fleet reports/*.json", "which hosts differ, and in what"),),
    "help": (("envbuild help lock", "the help of a command"),),
    "rollback": (
        ("envbuild rollback", "go back to the generation before"),
        ("envbuild rollback 12", "go back to that generation"),
    ),
    "store": (
        ("envbuild store info", "what it holds, and how much space each part takes"),
        ("envbuild store remove", "remove all of it, after confirmation"),
        ("envbuild store move /data/envbuild", "move it to another disk, without a network"),
    ),
    "gc": (("envbuild gc --keep 3 --cache", "keep three generations, and trim the cache"),),
    "export": (
        ("envbuild export systemd --out units", "a unit for each driver"),
        ("envbuild export requirements web", "a requirements file with hashes"),
    ),
    "publish": (
        ("envbuild publish dir:release", "a release in a folder"),
        ("envbuild publish oci://registry.example.com/fleet:7", "a release in a registry"),
    ),
    "image": (
        ("envbuild image web --to oci-layout:image", "the files of `web`, as an image volume"),
        (
            "envbuild image web --base oci-layout:debian@sha256:DIGEST --to oci-layout:image",
            "an image that starts `web`",
        ),
    ),
    "completion": (
        ("envbuild completion bash", 'for ~/.bashrc: eval "$(envbuild completion bash)"'),
        ("envbuild completion fish", "for config.fish: envbuild completion fish | source"),
    ),
    "fetch": (("envbuild fetch --out wheels", "every locked wheel, for a host without network"),),
}


def render_examples(verb: str) -> str:
    """The examples below a verb's help; empty without any."""
    rows = EXAMPLES.get(verb, ())
    if not rows:
        return ""
    width = max(len(command) for command, _ in rows)
    return "examples:\n" + "".join(f"  {command:<{width}}  # {about}\n" for command, about in rows)
