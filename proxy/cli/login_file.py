"""The login file: which server this user's commands ask, and with which key. Readable by nobody else."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

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
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / FILE
    temporary = folder / f".{FILE}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(login), file)
    temporary.replace(path)
    return path


def forget_login(folder: Path) -> bool:
    """Forget it; False where nothing was remembered."""
    try:
        (folder / FILE).unlink()
    except FileNotFoundError:
        return False
    return True
