"""The same prompt again: by one owner, by several, and whole conversations played again."""

from __future__ import annotations

from proxy.model.waste import WasteClass

from .conversation import Conversation
from .evidence import Evidence
from .judge import Judge
from .prompts import Prompt, Prompts, Use
from .reading import Reading
from .sight import Sight

DISGUISE_WEIGHT = 1.3
"""A repeat that was made to look different counts for more than one that was not."""
LONG_CHARS_MIN = 400
"""Below this, many end users behind one service key, or many people, may well ask the same."""
SERVICE_SHORT_WEIGHT = 0.2
WALK_MIN = 2
REPLAYED_WEIGHT = 6.0
"""What a replay adds to the calls it began with: the next one is seen from its first call on."""
CREDITS_MAX = 8
CREDIT_CHARS_MIN = 40


def judge_again(sight: Sight, reading: Reading, prompt: Prompt, use: Use, judge: Judge) -> None:
    """One more call of an owner with a prompt that it had an answer to."""
    weight, waste_class = _weight(sight, reading, prompt, use)
    evidence = use.sure()
    evidence.add(weight, sight.at_us, sight.call_id)
    judge.weigh(waste_class, evidence, (prompt.first,))


def _weight(sight: Sight, reading: Reading, prompt: Prompt, use: Use) -> tuple[float, WasteClass]:
    if reading.raw != use.raw:
        return DISGUISE_WEIGHT, "disguised_repeat"
    if use.open and not use.succeeded:
        return 1.0, "in_flight_twin"
    many_askers = sight.owner_kind == "service" and not prompt.long
    return (SERVICE_SHORT_WEIGHT if many_askers else 1.0), "exact_repeat"


def judge_shared(sight: Sight, reading: Reading, prompt: Prompt, use: Use, judge: Judge) -> None:
    """A long prompt that goes round between owners. The first call of each is free unless it was disguised."""
    if len(prompt.uses) < 2 or not prompt.long:
        return
    disguised = all(other.raw != reading.raw for other in prompt.uses.values())
    if not use.calls and not disguised:
        return
    if prompt.shared is None:
        prompt.shared = Evidence()
    prompt.shared.add(DISGUISE_WEIGHT if disguised else 1.0, sight.at_us, sight.call_id)
    judge.weigh("shared_repeat", prompt.shared, (prompt.first,))


def judge_replay(
    sight: Sight, prompt: Prompt, use: Use, conversation: Conversation, prompts: Prompts, judge: Judge
) -> None:
    """A call that repeats what came next after the call that was repeated just before it: a conversation played again,
    answers of the model included. One repeated call alone is none."""
    before = prompts.seen(prompt.parent)
    own = before.uses.get(sight.owner) if before is not None else None
    use.walk = own.walk + 1 if own is not None and own.last_at_us > prompt.last_at_us else 0
    if before is None or own is None or not use.walk:
        return
    replay = conversation.replay = conversation.replay or Evidence()
    if use.walk == 1:
        replay.clear()
    replay.add(1.0, sight.at_us, sight.call_id)
    if use.walk == WALK_MIN:
        for step in (own, prompts.use_of(before.parent, sight.owner)):
            if step is not None:
                step.sure().add(REPLAYED_WEIGHT, sight.at_us, step.last_id)
                if step.last_id not in replay.members:
                    replay.members.insert(0, step.last_id)
    judge.weigh("replayed_conversation", replay, (prompt.first,))


def credit(sight: Sight, reading: Reading, prompts: Prompts) -> None:
    """A repeat that new work grew out of was worth it, up to a limit."""
    use = prompts.use_of(reading.parent, sight.owner)
    if use is None or use.calls < 2 or use.credits >= CREDITS_MAX or reading.chars(said=True) < CREDIT_CHARS_MIN:
        return
    use.credits += 1
    use.sure().take(1.0, sight.at_us)
    if use.topic is not None:
        use.topic.evidence.take(1.0, sight.at_us)
