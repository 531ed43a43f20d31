"""The demo's folder: policies, keys and data, made anew on every run, and never in the place of anything else."""

import secrets
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from proxy.adapters.starter_files import starter_files, write_schemas
from proxy.cli.configured import UNTRIED, stop
from proxy.cli.connection import LEDGER_SOCKET, listening
from proxy.cli.demo.company import ACCESS_YAML, MEMBERS
from proxy.cli.demo.repositories import place
from proxy.cli.demo.shipping import PAIRS
from proxy.cli.demo.telling import DEPLOYER
from proxy.model.identity import OwnerKind, Role
from proxy.policy.keys import ID_BYTES, RANDOM_BYTES, digest, mint, mint_id
from proxy.policy.keys_edit import entry_lines
from proxy.policy.schema import FOLDER as SCHEMA_FOLDER
from proxy.policy.types import Key

MARKER: Final = "made-by-outlay-demo"
READER: Final = "carol"
"""Whose key the reports are looked at with: finance sees all."""

_PROVIDERS_YAML: Final = """\
# Every call goes to the stand-in, a fake provider on this machine: no key is needed, and nothing is billed. The models
# have real names, so their prices are the real ones.
providers:
  openai: {{dialect: openai, base_url: "{url}", api_key: none}}
  anthropic: {{dialect: anthropic, base_url: "{url}", api_key: none}}
  gemini: {{dialect: gemini, base_url: "{url}", api_key: none}}
"""


_SERVICES_YAML: Final = """\
# Each repository of the demo is a service. Its GitHub is made up, and signs what it tells with the secret beside.
sources:
  acme-github: {{kind: github, secrets: [{{file: {secret}}}], repositories: [github.com/acme/*]}}
services:
{services}
mirrors:
{mirrors}
"""
_SERVICE: Final = """\
  {name}:
    repositories: [github.com/acme/{name}]
    environments: [production]
    registered: {registered:%Y-%m-%d}
    deploy_actors: ["{deployer}"]
    owner: {team}
    projects: [{name}]
"""
SIGNING_FILE: Final = "github-secret"


@dataclass(frozen=True, slots=True)
class Folder:
    path: Path

    @property
    def policies(self) -> Path:
        return self.path / "policies"

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def repositories(self) -> Path:
        return (self.path / "repositories").resolve()

    def secret(self) -> str:
        """With which the made-up GitHub signs."""
        return (self.policies / SIGNING_FILE).read_text()

    def register(self, since: datetime) -> None:
        """The services, as of that day."""
        secret = self.policies / SIGNING_FILE
        secret.write_text(secrets.token_hex(32))
        secret.chmod(0o600)
        teams = {each.name: each.team for each in MEMBERS}
        services = "".join(
            _SERVICE.format(name=name, registered=since, deployer=DEPLOYER, team=teams[pair[0]])
            for name, pair in PAIRS.items()
        )
        mirrors = "\n".join(
            f'  github.com/acme/{name}: {{url: "{place(self.repositories, name).as_uri()}"}}' for name in PAIRS
        )
        text = _SERVICES_YAML.format(secret=SIGNING_FILE, services=services.rstrip(), mirrors=mirrors)
        (self.policies / "services.yaml").write_text(text)


def make(path: Path, stand_in_url: str) -> tuple[Folder, dict[str, str]]:
    """The folder, with what an earlier demo left removed; and everybody's key. Exits where other things are there."""
    if path.exists() and any(path.iterdir()):
        if not (path / MARKER).is_file():
            stop(f"{path} holds other things than a demo; name a new folder with --folder", UNTRIED)
        if listening(path / "data" / LEDGER_SOCKET):
            stop(f"a demo still runs in {path}; stop it, or name a new folder with --folder", UNTRIED)
        shutil.rmtree(path)
    folder = Folder(path)
    folder.policies.mkdir(parents=True)
    (path / MARKER).write_text("Everything here is made up. Delete it when you have seen enough.\n")
    keys = {member.name: mint(secrets.token_bytes(RANDOM_BYTES)) for member in MEMBERS}
    files = {
        **starter_files(),
        "access.yaml": ACCESS_YAML,
        "providers.yaml": _PROVIDERS_YAML.format(url=stand_in_url),
        "keys.yaml": _keys_yaml(keys),
    }
    for name, text in files.items():
        (folder.policies / name).write_text(text)
    write_schemas(folder.policies / SCHEMA_FOLDER)
    return folder, keys


def _keys_yaml(keys: dict[str, str]) -> str:
    lines = ["keys:"]
    for member in MEMBERS:
        key = Key(
            id=mint_id(secrets.token_bytes(ID_BYTES)),
            hash=digest(keys[member.name].encode()),
            owner=member.name,
            owner_kind=OwnerKind.SERVICE if member.service else OwnerKind.PERSON,
            projects=member.projects,
            role=Role.FINANCE if member.name == READER else Role.DEVELOPER,
        )
        lines += [f"  {line}" for line in entry_lines(key)]
    return "\n".join(lines) + "\n"
