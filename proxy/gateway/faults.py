"""What a caller is told when the provider could not be reached or broke off."""

from typing import Final

from proxy.model.decision import Reason, Refusal
from proxy.model.entry import Outcome
from proxy.ports.upstream import NOTHING_SENT, Fault, UpstreamError

_WHAT: Final = {
    Fault.DNS: "its host name can't be resolved",
    Fault.CONNECT: "it refuses connections",
    Fault.TLS: "its TLS certificate or handshake is not acceptable",
    Fault.CONNECT_TIMEOUT: "it doesn't accept a connection in time",
    Fault.READ_TIMEOUT: "it doesn't answer in time",
    Fault.CUT: "it broke the connection off before answering",
    Fault.TRANSLATION: "outlay's translation to its dialect failed",
    Fault.CREDENTIAL: "outlay finds no usable AWS credential to sign with",
    Fault.BODY_SOURCE: "the request was not sent to its end",
}
_TIMEOUTS: Final = frozenset({Fault.CONNECT_TIMEOUT, Fault.READ_TIMEOUT})

INTERNAL: Final = Refusal(500, Reason.PROVIDER_UNREACHABLE, "outlay failed on this call; its log names the fault.")
STOPPING: Final = Refusal(
    503,
    Reason.OVERLOADED,
    "outlay is being stopped and waits no longer for this call. The call may have been billed.",
    retry_after_s=5,
    retryable=True,
)
CAPPED: Final = Refusal(400, Reason.POLICY, "The answer was ended here: by the rules, one call may not cost more.")


def refusal_of(error: UpstreamError, provider: str) -> Refusal:
    """502, or 504 for a timeout. A client may retry: nothing on outlay's side would refuse it again."""
    spent = "Nothing was sent to it." if error.fault in NOTHING_SENT else "The call may have been billed."
    message = f"The provider '{provider}' failed: {_WHAT[error.fault]}. {spent}"
    if error.fault is Fault.CREDENTIAL:
        advice = (
            "An admin sets what api_key of this provider names in providers.yaml: AWS_… variables or a role of the "
            "machine for 'environment', else that profile in ~/.aws. The log says what AWS's library found."
        )
        return Refusal(400, Reason.PROVIDER_UNCONFIGURED, f"{message} {advice}")
    if error.fault in _TIMEOUTS:
        return Refusal(504, Reason.PROVIDER_TIMEOUT, message, retryable=True)
    return Refusal(502, Reason.PROVIDER_UNREACHABLE, message, retryable=True)


def outcome_of(error: UpstreamError, *, started: bool) -> Outcome:
    """How a call ends that met this fault, its answer begun or not."""
    if error.fault is Fault.BODY_SOURCE:
        return Outcome.HANGUP
    if error.fault in NOTHING_SENT:
        return Outcome.UNREACHED
    return Outcome.CUT if started else Outcome.UNANSWERED
