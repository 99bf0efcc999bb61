"""Small applications that people install with pipx or uv, and how each says that it works."""

from __future__ import annotations

from typing import NamedTuple


class Application(NamedTuple):
    """A package whose command starts."""

    requirement: str
    command: str
    arguments: tuple[str, ...] = ("--version",)


APPLICATIONS = (
    Application("ansible-core", "ansible"),
    Application("bandit", "bandit"),
    Application("black", "black"),
    Application("celery", "celery"),
    Application("cookiecutter", "cookiecutter"),
    Application("copier", "copier"),
    Application("csvkit", "csvlook"),
    Application("datasette", "datasette"),
    Application("django", "django-admin"),
    Application("doit", "doit"),
    Application("fabric", "fab"),
    Application("fastapi[standard]", "fastapi"),
    Application("flake8", "flake8"),
    Application("flask", "flask"),
    Application("glances", "glances"),
    Application("gunicorn", "gunicorn"),
    Application("hatch", "hatch"),
    Application("httpie", "http"),
    Application("httpx[cli]", "httpx", ("--help",)),
    Application("huggingface-hub", "hf", ("--help",)),
    Application("hypercorn", "hypercorn", ("--help",)),
    Application("invoke", "invoke"),
    Application("ipython", "ipython"),
    Application("isort", "isort"),
    Application("jupytext", "jupytext"),
    Application("litecli", "litecli"),
    Application("llm", "llm"),
    Application("locust", "locust"),
    Application("mkdocs", "mkdocs"),
    Application("mkdocs-material", "mkdocs"),
    Application("mycli", "mycli"),
    Application("mypy", "mypy"),
    Application("nbconvert", "jupyter-nbconvert"),
    Application("nox", "nox"),
    Application("pdm", "pdm"),
    Application("pgcli", "pgcli"),
    Application("pip-tools", "pip-compile"),
    Application("pipx", "pipx"),
    Application("poetry", "poetry"),
    Application("pre-commit", "pre-commit"),
    Application("pylint", "pylint"),
    Application("ruff", "ruff"),
    Application("scrapy", "scrapy", ("version",)),
    Application("sphinx", "sphinx-build"),
    Application("sqlfluff", "sqlfluff"),
    Application("streamlink", "streamlink"),
    Application("tox", "tox"),
    Application("twine", "twine"),
    Application("uvicorn[standard]", "uvicorn"),
    Application("virtualenv", "virtualenv"),
    Application("visidata", "vd"),
    Application("yamllint", "yamllint"),
    Application("yt-dlp", "yt-dlp"),
)
