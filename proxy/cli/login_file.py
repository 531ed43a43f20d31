"""The login file: which server this user's commands ask, and with which key. Readable by nobody else."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from proxy.cli.whole_file import write_whole

FILE: Final = "login.json"


class LoginFileError(Exception):
    """The file is there, and can't be used."""


@dataclass(frozen=True, slots=True)
class Login:
    url: str
    """Without a trailing slash."""
    key: str
    gateway: str = ""
    """The data plane, without a trailing slash; '' where the server didn't say."""


def read_login(folder: Path) -> Login | None:
    """What is remembered, None where nothing is. Raises LoginFileError."""
    path = folder / FILE
    try:
        said = json.loads(path.read_text())
        return Login(url=str(said["url"]), key=str(said["key"]), gateway=str(said.get("gateway", "")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise LoginFileError(f"{path} can't be read; `outlay login URL` writes it anew") from None


def write_login(folder: Path, login: Login) -> Path:
    """Remember, whole and with mode 0600. Raises OSError."""
    path = folder / FILE
    write_whole(path, json.dumps(asdict(login)), 0o600)
    return path


def forget_login(folder: Path) -> bool:
    """Forget it; False where nothing was remembered."""
    try:
        (folder / FILE).unlink()
    except FileNotFoundError:
        return False
    return True
