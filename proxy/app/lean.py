"""Imported first by the gateway: keeps out of its memory what its libraries would import and it never uses.

structlog imports rich where it is installed (6 MiB), for tracebacks that show local variables: those hold prompts.
"""

import sys
from typing import Final

UNUSED: Final = ("rich",)

for name in UNUSED:
    sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None makes an import of it fail, as documented
