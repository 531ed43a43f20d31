"""Git access: how a mirror's address is reached, and with what: in the environment of git, and nowhere else."""

import shlex
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from proxy.adapters.git_process import GitError
from proxy.model.service import Mirror

USER: Final = "oauth2"
"""With a token any name will do on GitHub, GitLab and Gitea; 'name:token' in the secret where it must be a certain
one (deploy tokens of GitLab, Bitbucket)."""
CONNECT_S: Final = 20
KNOWN_HOSTS: Final = "known_hosts"


@dataclass(frozen=True, slots=True)
class Access:
    protocols: tuple[str, ...]
    config: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    """What must stand in no message."""


def access(mirror: Mirror, secret: str, mirrors: Path, keys_from: Path) -> Access:
    """`secret`: what the mirror's variable or file holds; `mirrors`: the folder that keeps the hosts' own keys;
    `keys_from`: what a relative path of a key starts from. Raises GitError."""
    protocol = _protocol(mirror.url)
    source, name = mirror.credential
    if source in ("env", "file") and not secret:
        raise GitError(f"its token is not there: {'variable' if source == 'env' else 'file'} {name}")
    if protocol == "ssh":
        key = keys_from / name if source == "ssh_key" else None
        if key is not None and not key.is_file():
            raise GitError(f"its ssh key is not there: {name}")
        return Access(("ssh",), environ={"GIT_SSH_COMMAND": _ssh(key, mirrors / KNOWN_HOSTS), "GIT_SSH_VARIANT": "ssh"})
    if protocol != "https" or not secret:
        return Access((protocol,))
    pair = b64encode((secret if ":" in secret else f"{USER}:{secret}").encode()).decode()
    host = urlsplit(mirror.url).netloc
    header = {f"http.https://{host}/.extraHeader": f"Authorization: Basic {pair}"}
    return Access(("https",), header, hidden=(secret, secret.rpartition(":")[2], pair))


def _protocol(url: str) -> str:
    scheme, colon, _ = url.partition("://")
    if not colon:
        return "ssh"
    if scheme not in ("https", "http", "ssh", "file"):
        raise GitError(f"addresses that begin with {scheme[:20]!r} are not read")
    return scheme


def _ssh(key: Path | None, known: Path) -> str:
    """A host's key is taken at its first use, and must be the same ever after."""
    options = [
        "BatchMode=yes", "StrictHostKeyChecking=accept-new", f'UserKnownHostsFile="{known}"', "ForwardAgent=no",
        "PermitLocalCommand=no", "ClearAllForwardings=yes", f"ConnectTimeout={CONNECT_S}", "ServerAliveInterval=15",
        *(("IdentitiesOnly=yes",) if key else ()),
    ]  # fmt: skip
    words = ["ssh", "-F", "/dev/null", *(("-i", str(key)) if key else ())]
    for option in options:
        words += ["-o", option]
    return shlex.join(words)
