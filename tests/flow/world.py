"""A data plane made of the real parts, with respx where the network would be and fakes where time and disk would be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import respx

from proxy.adapters.counters_memory import MemoryCounters
from proxy.adapters.data_folder import FileHashKey
from proxy.adapters.prices_litellm import price_book
from proxy.adapters.upstream_httpx import HttpxUpstream
from proxy.dialects.anthropic import Anthropic
from proxy.dialects.bedrock import Bedrock
from proxy.dialects.gemini import Gemini
from proxy.dialects.openai import OpenAI
from proxy.gateway.admission import Admission
from proxy.gateway.plane import Plane
from proxy.gateway.redundant import Redundant
from proxy.gateway.rules import Rules
from proxy.gateway.sharing import Sharing
from proxy.gateway.throttling import Throttling
from proxy.gateway.waiting import Waiting
from proxy.gateway.watching import Watching
from proxy.metering.calibration import Calibration
from proxy.metering.expecting import Expecting
from proxy.model.decision import Refusal
from proxy.model.entry import Refused, Settled
from proxy.policy.keys import digest
from proxy.policy.load import RULES, load
from proxy.policy.types import PolicySet, Provider
from proxy.redundancy.detector import Detector
from proxy.web.body_room import BodyRoom
from proxy.web.data_plane import DataPlane
from tests.fakes.clock import FakeClock
from tests.fakes.journal import FakeJournal
from tests.fakes.tokens import WordCounter

KEY = "outlay_alice"
POLICIES = {
    "providers.yaml": """
providers:
  openai: {dialect: openai, base_url: "https://api.openai.test", api_key: {env: OPENAI_API_KEY}}
  anthropic: {dialect: anthropic, base_url: "https://api.anthropic.test", api_key: {env: ANTHROPIC_API_KEY}}
  gemini: {dialect: gemini, base_url: "https://gemini.test", api_key: {env: GEMINI_API_KEY}}
  bedrock: {dialect: bedrock, base_url: "https://bedrock.test", api_key: {env: AWS_BEARER_TOKEN_BEDROCK}}
  local:
    dialect: openai
    base_url: "http://local.test/base"
    api_key: none
    default_for: [llama-*]
    passes: [POST /v1/rerank]
  wide: {dialect: openai, base_url: "http://wide.test", api_key: none, default_for: [wide-*], passes: [POST /v1/*]}
  nokey: {dialect: openai, base_url: "http://nokey.test", api_key: {env: MISSING_KEY}, default_for: [nokey-*]}
""",
    "access.yaml": """
people: {alice: {team: payments}}
projects:
  checkout: {team: payments, cost_center: CC-42, repositories: [github.com/acme/checkout]}
  search: {team: search, repositories: [github.com/acme/search]}
""",
    "keys.yaml": """
keys:
  - {id: k_alice, hash: "DIGEST", user: alice,
     projects: [checkout, search]}
""",
}


class Secrets:
    """Fulfils ports.secrets.Secrets."""

    def secret(self, provider: Provider) -> str | None:
        known = {
            "openai": "sk-openai",
            "anthropic": "sk-anthropic",
            "gemini": "AIza-gemini",
            "bedrock": "bedrock-key",
            "local": "",
            "wide": "",
        }
        return known.get(provider.name)


@dataclass
class World:
    """One data plane with everything it touches in reach of the test."""

    router: respx.MockRouter
    files: Mapping[str, str] = field(default_factory=dict)
    """Policy files beside POLICIES, or instead of them; rules of every kind are held to here."""
    body_bytes_max: int = 1_000_000
    calls_in_flight_max: int = 10
    bodies_bytes_max: int = 10_000_000
    clock: FakeClock = field(default_factory=FakeClock)
    journal: FakeJournal = field(default_factory=FakeJournal)
    tokens: WordCounter = field(default_factory=WordCounter)
    refusals: list[Refusal] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.policies = _policies(self.files)
        self.counters = MemoryCounters(self.calls_in_flight_max)
        rules = Rules(self.policies, price_book(self.policies))
        self.waiting, self.throttling, self.expecting = Waiting(), Throttling(), Expecting()
        self.calibration = Calibration()
        self.watching = Watching(Detector(b"k" * 32), self.clock, self.journal)
        self.sharing = Sharing(self.clock)
        self.sharing.reload(rules)
        self.room = BodyRoom(self.bodies_bytes_max)
        transport = httpx.MockTransport(self.router.async_handler)
        hash_key = FileHashKey("h1", b"k" * 32)
        self.app = DataPlane(
            rules=lambda: rules,
            dialects=(OpenAI(), Anthropic(), Gemini(), Bedrock()),
            admission=Admission(
                self.counters,
                self.journal,
                self.clock,
                hash_key,
                Secrets(),
                waiting=self.waiting,
                throttling=self.throttling,
                expecting=self.expecting,
                calibration=self.calibration,
                tokens=self.tokens,
                redundant=Redundant(self.watching, self.throttling, self.clock),
                sharing=self.sharing,
            ),
            plane=Plane(
                HttpxUpstream(transport),
                self.counters,
                self.journal,
                self.tokens,
                self.clock,
                5.0,
                lambda _: None,
                waiting=self.waiting,
                throttling=self.throttling,
                expecting=self.expecting,
                calibration=self.calibration,
                watching=self.watching,
                sharing=self.sharing,
            ),
            clock=self.clock,
            body_bytes_max=self.body_bytes_max,
            refused=self.refusals.append,
            room=self.room,
        )

    async def call(self, method: str, path: str, key: str = KEY, **given: Any) -> httpx.Response:
        """One call over ASGI, with the caller's key as a bearer token unless the headers say otherwise."""
        headers = {"authorization": f"Bearer {key}", **given.pop("headers", {})}
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://outlay.test") as client:
            return await client.request(method, path, headers=headers, **given)

    @property
    def settled(self) -> list[Settled]:
        return [entry for entry in self.journal.entries if isinstance(entry, Settled)]

    @property
    def refused(self) -> list[Refused]:
        return [entry for entry in self.journal.entries if isinstance(entry, Refused)]


def _policies(more: Mapping[str, str]) -> PolicySet:
    files = {**POLICIES, **more}
    files["keys.yaml"] = files["keys.yaml"].replace("DIGEST", digest(KEY.encode()))
    loaded = load(files, enforced=frozenset(RULES))
    assert isinstance(loaded, PolicySet), loaded
    return loaded
