"""The load of the soak: who calls, what a call of a number says, and the rules that hold for it.

How a call ends and what it uses are those of the crash drill. Beside that, half of the calls are turns of agents'
conversations, which grow; every tenth caller has a budget that is used up half-way, every tenth a limit that most of
his calls are above; every twentieth call says what others said before.
"""

from pathlib import Path
from typing import Final

from bench.crash_load import question, request_of
from proxy.policy.keys import digest, mint

PEOPLE: Final = 10
KEYS: Final = [mint(bytes((number + at) % 256 for at in range(40))) for number in range(3, 3 + PEOPLE)]
SHORT_OF_MONEY: Final = PEOPLE - 1
HASTY: Final = PEOPLE - 2
LANES: Final = 60
"""Conversations at once. A multiple of the kinds of calls, so that all turns of one are of one kind."""
TURNS: Final = 12
REPEATING_EACH: Final = 20
PASSAGES: Final = 997
"""Different passages that agents read and write."""
SYSTEM: Final = b'{"role":"user","content":"You mend code. Read before you write. Conversation %d."}'
TURN: Final = b',{"role":"assistant","content":"%b"},{"role":"user","content":"Step %d of %d. %b"}'


def _passage(number: int) -> bytes:
    words = (
        b"ledger",
        b"branch",
        b"window",
        b"reader",
        b"socket",
        b"number",
        b"policy",
        b"budget",
        b"answer",
        b"limit",
    )
    mixed = [words[(number * (at + 3) + at * at) % len(words)] + b"%d" % (number * at % 89) for at in range(40)]
    return b" ".join(mixed)


_PASSAGES: Final = [_passage(number) for number in range(PASSAGES)]


def person_of(number: int) -> int:
    return number // LANES % PEOPLE if number % 2 else conversation_of(number) % PEOPLE


def conversation_of(number: int) -> int:
    return number // (LANES * TURNS) * LANES + number % LANES


def request(number: int, seed: int) -> bytes:
    """The bytes of a call. Odd ones ask one thing, even ones are a turn of a conversation."""
    key = KEYS[(person_of(number) + seed) % PEOPLE]
    if number % REPEATING_EACH == 1:
        said = b'[{"role":"user","content":"What does the rota say of %d?"}]' % (number // LANES % 50)
        return request_of(number, key, said)
    if number % 2:
        return question(number, key)
    conversation, turns = conversation_of(number), number // LANES % TURNS
    passages = [_PASSAGES[(conversation * 31 + at * 7 + seed) % PASSAGES] for at in range(2 * turns)]
    said = b"".join(TURN % (passages[2 * at], at, conversation, passages[2 * at + 1]) for at in range(turns))
    more = b"x-outlay-session: agent-%d\r\nuser-agent: claude-cli/2.0\r\nx-outlay-tags: env=prod\r\n" % conversation
    return request_of(number, key, b"[%b%b]" % (SYSTEM % conversation, said), more)


def write_policies(folder: Path, calls: int) -> None:
    """People, keys and rules; providers stay as they are. The tight ones are as tight as the number of calls wants."""
    people = "".join(f"  p{number}: {{team: t{number % 3}}}\n" for number in range(PEOPLE))
    members = ", ".join(f"p{number}" for number in range(PEOPLE))
    (folder / "access.yaml").write_text(
        f"people:\n{people}projects:\n  checkout: {{team: t0, cost_center: CC-42, members: [{members}]}}\n"
    )
    keys = "".join(
        f'  - {{id: k_{number}, hash: "{digest(key.encode())}", user: p{number}, projects: [checkout]}}\n'
        for number, key in enumerate(KEYS)
    )
    (folder / "keys.yaml").write_text(f"keys:\n{keys}")
    (folder / "budgets.yaml").write_text(
        f"""budgets:
  - {{name: all, limit: 1000000 USD, window: total}}
  - {{name: each, per: user, limit: 1000000 USD, window: total}}
  - {{name: each-day, per: user, limit: 900000M tokens, window: day}}
  - {{name: rolling, applies_to: {{project: checkout}}, limit: 500000 USD, window: 2h, warn_at: [50%]}}
  - {{name: agents, applies_to: {{tags: {{env: prod}}}}, per: key, limit: 500000 USD, window: month}}
  - {{name: short, applies_to: {{user: p{SHORT_OF_MONEY}}}, limit: {max(1, calls // 20)} calls, window: total}}
limits:
  - {{name: hasty, applies_to: {{user: p{HASTY}}}, requests_per_minute: {max(5, calls // 1000)}}}
  - {{name: at-once, per: key, concurrent: 2000}}
"""
    )
    (folder / "models.yaml").write_text(
        "models:\n"
        "  - {name: no-runaways, cost_max: 50 USD, output_tokens_max: 32k}\n"
        "  - {name: checkout-models, applies_to: {project: checkout}, allow: [gpt-4o, claude-*]}\n"
    )
