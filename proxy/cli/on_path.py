"""On path: whether `outlay`, typed in another terminal, is this one; else what to type before."""

import shutil
import sys
from pathlib import Path


def exported() -> str:
    """'' where a shell finds this very command; else the line that lets it, as in a new virtual environment."""
    here = Path(sys.executable).parent
    found = shutil.which("outlay")
    if found and Path(found).parent.samefile(here):
        return ""
    return f'export PATH="{here}:$PATH"'
