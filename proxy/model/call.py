"""Call: the facts of one model call, as known when it is admitted."""

from collections.abc import Mapping
from dataclasses import field

from proxy.model.fact import fact
from proxy.model.usage import NO_USAGE, Usage


@fact(frozen=True, slots=True)
class Request:
    """What a dialect reads from the raw call. Nothing here is the caller's word on who pays."""

    model: str
    """As asked for. '' where the operation names none (a list of models)."""
    stream: bool = False
    choices: int = 1
    """How many answers are asked for (`n`)."""
    output_tokens_max: int | None = None
    """The output limit in the call; None: the model's own maximum applies; 0: the operation puts out no text."""
    thinking_tokens_max: int | None = None
    """The thinking budget in the call, where the dialect has one."""
    usage_asked: bool = True
    """False: a stream that will carry no usage unless it is asked for (a splice)."""
    service_tier: str = ""
    region: str = ""
    """Where the call asks to be served, as in Served."""
    speed: str = ""
    input_bytes: int = 0
    """Bytes of everything that becomes input tokens: the proven bound, since no token is shorter than a byte."""
    input_tokens_unseen: int = 0
    """An allowance for input that the bytes only name: images by URL, files by id, a conversation kept at the
    provider. Estimated, not proven."""
    web_searches_max: int = 0
    """How many server-side searches, each with a fee of its own, the call allows."""
    background: bool = False
    """True: the provider goes on working, and billing, after its first answer."""
    fixed: Usage = NO_USAGE
    """Quantities that the request itself fixes (characters to speak, images asked for): what the call consumed if it
    succeeds and its answer reports no usage."""
    guessed: Usage = NO_USAGE
    """Quantities beside its text that the request lets one estimate (audio by its length, images by their size): held,
    and settled as an estimate where the answer reports no usage."""
    spoken: bool = False
    """True: what it puts out may be audio, held at whatever is dearer of that and text."""
    variant: str = ""
    """Of what is sold by the piece, as in Served: it prices the hold."""
    content: tuple[bytes, ...] = ()
    """Raw JSON members ('"messages":[…]') that make the prompt: for fingerprint and estimate, never stored."""
    kept: bytes = b""
    """Names what the provider keeps of earlier calls and puts before the content; b'' for nothing."""
    session: str = ""
    agent: str = ""
    repository: str = ""
    commit: str = ""


@fact(frozen=True, slots=True)
class Call:
    """One admitted or refused call: what every later fact about it refers to."""

    id: str
    opened_us: int
    """Wall time of admission, microseconds since the epoch, UTC; windows and price intervals use it."""
    dialect: str
    operation: str
    """'chat', 'responses', 'messages', 'count_tokens', 'models', …"""
    provider: str
    account: str
    """Which account of the provider served it: the name of the credential, never the credential."""
    model: str
    stream: bool
    key_id: str
    owner: str
    owner_kind: str
    team: str
    """The team that the cost goes to: the project's, else the owner's."""
    project: str
    cost_center: str
    purpose: str
    policy: str
    """Version (hash) of the policy set in force."""
    session: str = ""
    agent: str = ""
    repository: str = ""
    branch: str = ""
    commit: str = ""
    work_item: str = ""
    justification: str = ""
    client: str = ""
    """Product token of the user-agent: 'OpenAI/Python', 'claude-cli'."""
    retry: int = 0
    """The client's own retry count."""
    fingerprint: str = ""
    """Keyed hash of the content; the key's id is `hash_key`."""
    hash_key: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    trace: str = ""
    """The client's own span around the call (W3C trace context): 'trace id-span id' in hex; '' for none."""


@fact(frozen=True, slots=True)
class Hold:
    """What is set aside for a call in flight, in total so far (not the last step)."""

    cost_pico: int
    input_tokens: int
    output_tokens: int
