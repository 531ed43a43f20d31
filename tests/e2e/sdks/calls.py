"""What the scripts in this folder share: each makes the same calls with one SDK at every address, to be compared.

Arguments: `URL KEY` for each address. Output: a JSON list, one object a address, with what the SDK gave for each call.
A process of its own, since such SDKs take seconds to import and warn of much that is theirs.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Address:
    url: str
    """Without /v1."""
    key: str


def main(made: Callable[[Address], dict[str, Any]]) -> None:
    given = sys.argv[1:]
    addresses = [Address(url, key) for url, key in zip(given[::2], given[1::2], strict=True)]
    json.dump([made(address) for address in addresses], sys.stdout, default=str)
