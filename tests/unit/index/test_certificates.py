"""What is trusted is what the environment names, each variable with or without the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trustme

from envbuild.index.certificates import trusted_certificates

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one authority's certificate, whose name is no hash."""
    folder = tmp_path_factory.mktemp("authorities")
    trustme.CA().cert_pem.write_to_path(str(folder / "any-name.pem"))
    return folder


@pytest.mark.parametrize(
    "variables",
    [
        {"SSL_CERT_FILE": "{folder}/any-name.pem"},
        {"SSL_CERT_FILE": "{folder}/any-name.pem", "SSL_CERT_DIR": ""},
        {"SSL_CERT_FILE": "{folder}/any-name.pem", "SSL_CERT_DIR": "/nonexistent"},
        {"SSL_CERT_DIR": "{folder}"},
        {"SSL_CERT_DIR": "{folder}", "SSL_CERT_FILE": ""},
        {"SSL_CERT_DIR": "/nonexistent:{folder}:"},
    ],
    ids=" ".join,
)
def test_one_variable_needs_no_other(
    bundle: Path, variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is empty, or names what is not there, adds nothing; the folder of the command least of all."""
    monkeypatch.chdir(tmp_path)
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "not-asked-for.pem"))
    environ = {name: text.replace("{folder}", str(bundle)) for name, text in variables.items()}
    assert len(trusted_certificates(environ).get_ca_certs()) == 1


def test_without_variables_the_host_decides() -> None:
    """Nothing is an error where it has none."""
    assert trusted_certificates({}).check_hostname
    assert trusted_certificates({"SSL_CERT_FILE": "", "SSL_CERT_DIR": ""}).check_hostname
