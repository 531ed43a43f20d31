"""outlay: a cost-governance proxy in front of LLM APIs."""

from typing import Final

VERSION: Final = "0.1.0"
