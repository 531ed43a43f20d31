"""Bedrock's model ids: in the path, percent-encoded; a plain id, an inference profile or an ARN."""

import re
from typing import Final
from urllib.parse import unquote

from proxy.dialects.dialect import UnreadableError

ID_CHARS_MAX: Final = 256
"""Of an id, decoded. The longest known, ARNs of inference profiles, have about 150."""

PATH: Final = re.compile(r"/model/([^/?]+)/(converse|converse-stream|invoke|invoke-with-response-stream|count-tokens)")
_ARN: Final = re.compile(r"arn:[a-z0-9-]+:[a-z]+:[a-z0-9-]*:[0-9]*:([a-z-]+)/(.+)")
_NAMING: Final = frozenset(("foundation-model", "inference-profile"))
"""Resources whose id names the model; ids of others (application profiles, provisioned, imported) tell nothing."""
_GEOGRAPHY: Final = re.compile(r"(?:us|us-gov|eu|apac|au|jp|in|ca|sa|global)\.(?=[a-z0-9-]+\.)")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def model_id(target: bytes) -> str:
    """The id that the path names, decoded. Raises UnreadableError."""
    found = PATH.match(target.partition(b"?")[0].decode("latin-1"))
    name = unquote(found[1], errors="replace") if found else ""
    if not name or len(name) > ID_CHARS_MAX or _CONTROL.search(name):
        raise UnreadableError(f"The model id in the path must have at most {ID_CHARS_MAX} printable characters.")
    return name


def is_prompt(name: str) -> bool:
    """True for a prompt kept at Bedrock, which names its model and holds text that the call doesn't show."""
    found = _ARN.fullmatch(name)
    return found is not None and found[1] == "prompt"


def family(name: str) -> str:
    """'anthropic.claude-sonnet-5' of whatever form of id; '' where the id doesn't tell the model."""
    found = _ARN.fullmatch(name)
    if found:
        name = found[2] if found[1] in _NAMING else ""
    return _GEOGRAPHY.sub("", name, count=1) if not name.startswith("arn:") else ""
