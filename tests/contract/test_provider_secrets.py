"""Credentials out of environment variables and files."""

import os
from pathlib import Path

import pytest

from proxy.adapters.provider_secrets import ProviderSecrets
from proxy.policy.types import Provider, Secret


def provider(secret: Secret) -> Provider:
    return Provider("p", "openai", "https://p.example", secret)


def secrets(tmp_path: Path, **environ: str) -> ProviderSecrets:
    return ProviderSecrets(tmp_path, lambda name: environ.get(name, ""))


def test_a_provider_that_needs_none_has_an_empty_one(tmp_path: Path) -> None:
    assert secrets(tmp_path).secret(provider(Secret("none"))) == ""


@pytest.mark.parametrize("profile", ["", "bedrock"])
def test_what_is_signed_needs_no_secret_in_a_header(profile: str, tmp_path: Path) -> None:
    assert secrets(tmp_path).secret(provider(Secret("aws", profile))) == ""


def test_a_variable_gives_its_value_and_none_where_it_is_not_set(tmp_path: Path) -> None:
    found = secrets(tmp_path, OPENAI_API_KEY="sk-1")
    assert found.secret(provider(Secret("env", "OPENAI_API_KEY"))) == "sk-1"
    assert found.secret(provider(Secret("env", "OTHER"))) is None


def test_a_variable_is_looked_for_until_it_is_there_and_not_again(tmp_path: Path) -> None:
    values = ["", "sk-1", "sk-2"]
    found = ProviderSecrets(tmp_path, lambda _: values.pop(0))
    wanted = [found.secret(provider(Secret("env", "OPENAI_API_KEY"))) for _ in range(4)]
    assert wanted == [None, "sk-1", "sk-1", "sk-1"]


def test_a_file_is_read_without_white_space_and_again_when_it_changes(tmp_path: Path) -> None:
    found = secrets(tmp_path)
    wanted = provider(Secret("file", "key"))
    assert found.secret(wanted) is None
    path = tmp_path / "key"
    path.write_text("sk-1\n")
    assert found.secret(wanted) == "sk-1"
    path.write_text("sk-22\n")
    assert found.secret(wanted) == "sk-22"
    replacement = tmp_path / "new"
    replacement.write_text("sk-33\n")
    os.utime(replacement, ns=(0, path.stat().st_mtime_ns))
    replacement.replace(path)
    assert found.secret(wanted) == "sk-33"
    path.unlink()
    assert found.secret(wanted) is None


def test_a_path_may_be_absolute(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-1")
    assert ProviderSecrets(Path("/nowhere"), str).secret(provider(Secret("file", str(tmp_path / "key")))) == "sk-1"


@pytest.mark.parametrize("content", [b"", b"\n", b"one\ntwo\n", b"\xff", "schlüssel".encode(), b"a\rb", b"a\x00b"])
def test_what_can_not_stand_in_a_header_is_no_credential(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    assert secrets(tmp_path).secret(provider(Secret("file", "key"))) is None
