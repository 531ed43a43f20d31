"""OpenAI's websockets: which paths are one."""

from typing import Final
from urllib.parse import parse_qs

from proxy.dialects.dialect import UnreadableError
from proxy.dialects.fields import NAME_CHARS_MAX
from proxy.dialects.openai_realtime import RealtimeConversation
from proxy.dialects.openai_responses_socket import ResponsesConversation
from proxy.dialects.origin import bounded
from proxy.dialects.socket import Conversation

RESPONSES: Final = "/responses"
REALTIME: Final = "/realtime"

PARAMETERS_MAX: Final = 100

SIDESTEPS: Final = frozenset(("client_secrets", "sessions", "transcription_sessions", "calls"))
"""Under /realtime: what gives out a credential for the provider itself, or begins a call over WebRTC or SIP."""


def sidestep(base: str, path: str) -> str:
    """What to say to one of SIDESTEPS; '' for any other path."""
    under, _, rest = path.removeprefix(base).partition(REALTIME + "/")
    if not path.startswith(base) or under or rest.partition("/")[0] not in SIDESTEPS:
        return ""
    return (
        "What this gives out reaches the provider past outlay, where nothing meters it: open a websocket at "
        f"{base}{REALTIME} with your own key. "
    )


def conversation(base: str, path: str, target: bytes, headers: dict[bytes, bytes]) -> Conversation | None:
    """The conversation at this path, where `base` ('/v1', '/openai/v1') holds a websocket there.

    Raises UnreadableError."""
    if path == base + RESPONSES:
        return ResponsesConversation(headers)
    return RealtimeConversation(_model(target), headers) if path == base + REALTIME else None


def _model(target: bytes) -> str:
    """The model that the query names, or the deployment; '' for a session that only transcribes.

    Raises UnreadableError.
    """
    try:
        query = parse_qs(target.partition(b"?")[2].decode("latin-1"), max_num_fields=PARAMETERS_MAX)
    except ValueError:
        raise UnreadableError(f"The query has more than {PARAMETERS_MAX} parameters.") from None
    named = [*query.get("model", ()), *query.get("deployment", ())]
    if len(named) > 1:
        raise UnreadableError("The query names more than one model. Name it once.")
    return bounded(named[0])[:NAME_CHARS_MAX] if named else ""
