"""A replay as one would do it by hand: call after call, every rule, plain sums. Slow, and nothing of proxy.replay."""

from collections import Counter
from dataclasses import replace
from fnmatch import fnmatchcase

from proxy.gateway.holding import OUTPUT_TOKENS_MIN, held_at
from proxy.metering.estimate import LEASE_TOKENS, context_tokens, expected_tokens, first_hold, holding
from proxy.model.call import Hold
from proxy.model.usage import Served
from proxy.policy.rules import Unit
from proxy.policy.windows import bounds, buckets
from tests.fakes.slow_call import One

STERN = ("refuse", "throttle", "downgrade", "warn")
DAY_US, HALF_S_US, MINUTE = 86_400_000_000, 500_000, 121


class SlowReplay:
    def __init__(self, rules, rows, since_us: int) -> None:
        self.rules, self.set, self.since_us = rules, rules.policies.rules, since_us
        self.open: list[One] = []
        self.entries: dict[tuple, list[list]] = {}
        """Of each account: when admitted, spent, held."""
        self.taken: dict[tuple, list[list]] = {}
        """Of each instance of a rate limit: slice, requests, tokens, whose."""
        self.sums: Counter[str] = Counter()
        self.counts: dict[tuple, list[int]] = {}
        for row in rows:
            if not row["replayed"]:
                one = One(-1, row | {"details": '[null,null,[],["","","",""]]'})
                self.count(one, row["cost_pico"], row["tokens"], row["calls"], row["refused_calls"])
        for number, row in enumerate(rows):
            if row["replayed"]:
                self.one(One(number, row))
        self.settle_until(None)

    # Rules and accounts

    def fits(self, rule, one: One) -> bool:
        conditions = rule.scope.conditions.items()
        return all(any(fnmatchcase(one.facts.get(name, ""), glob) for glob in globs) for name, globs in conditions)

    def budgets(self, one: One):
        return (
            []
            if one.row["operation"] in ("models", "count_tokens")
            else [b for b in self.set.budgets if self.fits(b, one)]
        )

    def key(self, rule, one: One) -> tuple:
        instance = tuple(one.facts.get(name, "") for name in rule.per)
        return (
            (rule.name, instance, bounds(rule.window, one.at)[0]) if hasattr(rule, "window") else (rule.name, instance)
        )

    def takes(self, budget, hold: Hold) -> int:
        return {Unit.USD: hold.cost_pico, Unit.TOKENS: hold.input_tokens + hold.output_tokens, Unit.CALLS: 1}[
            budget.unit
        ]

    def standing(self, budget, one: One, now: int) -> tuple[int, int]:
        """Spent, held."""
        first = buckets(budget.window, now).first_us if budget.window.kind == "rolling" else -1
        counting = [each for each in self.entries.get(self.key(budget, one), ()) if each[0] >= first]
        return sum(each[1] for each in counting), sum(each[2] for each in counting)

    def count(self, one: One, cost: int, tokens: int, calls: int = 1, refused: int = 0) -> None:
        for budget in self.budgets(one):
            spent = {Unit.USD: cost, Unit.TOKENS: tokens, Unit.CALLS: calls}[budget.unit]
            more = refused if budget.count_refused else 0
            self.entries.setdefault(self.key(budget, one), []).append([one.at, spent + more, 0])

    # What a call weighs and costs

    def model(self, one: One, instead: str = "") -> str:
        return instead or one.call.model

    def weigh(self, one: One, instead: str, limit: int | None) -> tuple[Hold, int]:
        if one.free or (not instead and limit is None):
            return Hold(one.row["hold_pico"], one.row["hold_input"], one.row["hold_output"]), one.row["expected_tokens"]
        request = one.request if limit is None else replace(one.request, output_tokens_max=limit)
        model = self.model(one, instead)
        limits = self.rules.prices.limits(one.call.provider, model)
        read, put = first_hold(request, limits.output_tokens_max, limits.hidden_reasoning)
        return held_at(self.rules, one.call, model, request, read, put)[0], expected_tokens(request, put)

    def comes_to(self, one: One, instead: str, limit: int | None) -> tuple[int, int]:
        tokens = one.row["expected_tokens"] if one.row["refused"] else one.row["tokens"]
        usage, most = one.usage, None if limit is None else limit * one.request.choices
        less = 0 if most is None else max(0, usage.output_tokens - most)
        model = self.model(one, instead)
        if one.free or (not less and model == (one.sent or one.call.model)):
            return one.recorded, tokens
        if less:
            hidden = min(usage.reasoning, most)
            usage = replace(usage, output_text=most - hidden, reasoning=hidden, output_audio=0, output_image=0)
        cost = self.rules.prices.cost(one.call.provider, model, one.at, usage, one.served)
        return cost.total_pico, tokens - less

    # Decisions

    def by_models(self, one: One, rules, instead: str = ""):
        """Model instead, output limit, the rule that refuses, and which rules did what."""
        targets = {rule.downgrade_to for rule in rules if rule.downgrade_to}
        if not instead and targets and not one.free and one.call.model not in targets:
            instead = min(
                targets, key=lambda to: (self.weigh(one, to, None)[0].cost_pico if len(targets) > 1 else 0, to)
            )
        limit, own = (
            min((r.output_tokens_max for r in rules if r.output_tokens_max is not None), default=None),
            one.request.output_tokens_max,
        )
        if limit is not None and (one.free or not one.limitable or (own is not None and own <= limit)):
            limit = None
        hold, expected = self.weigh(one, instead, limit)
        against = ""
        for rule in sorted(rules, key=lambda rule: rule.name, reverse=True):
            if (
                any(fnmatchcase(name, glob) for name in (one.call.model, instead) if name for glob in rule.deny)
                or (rule.cost_max_pico is not None and hold.cost_pico > rule.cost_max_pico)
                or (rule.context_tokens_max is not None
                    and min(hold.input_tokens, context_tokens(one.request)) > rule.context_tokens_max)
            ):  # fmt: skip
                against = rule.name
        return instead, limit, against, hold, expected

    def one(self, one: One) -> None:
        row = one.row
        self.settle_until(one.at)
        one.recorded = row["cost_pico"]
        self.sums["calls"] += 1
        self.sums["cost_pico"] += row["cost_pico"]
        if row["job"]:
            self.sums["unruled_pico"] += row["cost_pico"]
            self.sums["spent_pico"] += row["cost_pico"]
            return self.count(one, row["cost_pico"], row["tokens"])
        if row["refused"]:
            self.sums["refused_then"] += 1
            one.sent = ""
            one.recorded, one.tokens = 0, one.ask_expected
            if not one.free:
                one.usage = holding(
                    one.request, context_tokens(one.request), min(one.ask_hold.output_tokens, LEASE_TOKENS)
                )
                one.served = Served()
                cost = self.rules.prices.cost(
                    one.call.provider, one.call.model, one.at, one.usage, one.served
                ).total_pico
                one.recorded = min(cost, one.ask_hold.cost_pico)
        one.cost, one.tokens = self.comes_to(one, "", None)
        one.unruled = one.cost
        why = self.decided(one)
        self.sums["unruled_pico"] += one.unruled
        if why:
            one.did = [each for each in one.did if each[0].startswith("shadow")] + [(*why, one.unruled)]
            self.sums["refused"] += 1
            self.sums["refused_pico"] += one.recorded
            for budget in self.budgets(one):
                if budget.count_refused:
                    self.entries.setdefault(self.key(budget, one), []).append([one.at, 1, 0])
        else:
            if row["refused"]:
                self.sums["passed_again"] += 1
                self.sums["passed_again_pico"] += one.recorded
            self.open.append(one)
        for did in one.did:
            self.tell(one, *did)

    def decided(self, one: One) -> tuple[str, str] | None:
        """Why it isn't let in."""
        models = [rule for rule in self.set.models if self.fits(rule, one)]
        enforced = [rule for rule in models if rule.mode == "enforce"]
        instead, limit, against, one.hold, one.expected = self.by_models(one, enforced)
        for rule in models:
            if rule.mode == "shadow":
                would = self.by_models(one, [*enforced, rule])
                one.did += [("shadow: refuse", rule.name, one.recorded)] if would[2] and not against else []
                one.did += [("shadow: downgrade", rule.name, 0)] if would[0] != instead else []
                one.did += [("shadow: limit output", rule.name, 0)] if would[1] != limit else []
        if against:
            return "refuse", against
        if instead:
            self.lighten(one, instead, None, "downgrade", next(r.name for r in enforced if r.downgrade_to == instead))
        if limit is not None:
            name = next(r.name for r in enforced if r.output_tokens_max == limit)
            self.lighten(one, instead, limit, "limit output", name)
        throttled = self.throttled(one)
        if throttled:
            return "throttle", throttled
        short = self.made_to_fit(one, enforced, instead, self.short(one))
        if short is not None:
            for taken in self.taken.values():
                taken[:] = [each for each in taken if each[3] != one.number]
            return ("throttle" if short[0].action == "throttle" else "refuse"), short[0].name
        return None

    def lighten(self, one: One, instead: str, limit: int | None, did: str, rule: str) -> None:
        before = one.cost
        one.cost, one.tokens = self.comes_to(one, instead, limit)
        one.did.append((did, rule, before - one.cost))

    def throttled(self, one: One) -> str:
        now, found, fitting = one.at // HALF_S_US, [], []
        for limit in [limit for limit in self.set.limits if self.fits(limit, one)]:
            taken = self.taken.setdefault(self.key(limit, one), [])
            tokens = one.expected if limit.tokens_per_minute is None else min(one.expected, limit.tokens_per_minute)
            waits = []
            for place, most, needed in ((1, limit.requests_per_minute, 1), (2, limit.tokens_per_minute, tokens)):
                counting = sorted(each for each in taken if each[0] > now - MINUTE)
                over = sum(each[place] for each in counting) + needed - (most or 0)
                if most is None or over <= 0 or not needed:
                    continue
                slices = Counter()
                for each in counting:
                    slices[each[0]] += each[place]
                for slice_ in range(now - MINUTE + 1, now + 1):
                    over -= slices[slice_]
                    if over <= 0:
                        waits.append((slice_ + MINUTE) * HALF_S_US - one.at)
                        break
            key = self.key(limit, one)
            if limit.concurrent is not None and sum(key in other.limits for other in self.open) >= limit.concurrent:
                waits.append(1_000_000)
            if not waits:
                fitting.append((key, tokens))
            elif limit.mode == "shadow":
                one.did.append(("shadow: throttle", limit.name, one.recorded))
            else:
                found.append((max(waits), limit.name))
        one.limits = {}
        if found:
            return max(found, key=lambda each: each[0])[1]
        for key, tokens in fitting:
            one.limits[key] = [now, 1, tokens, one.number]
            self.taken[key].append(one.limits[key])
        return ""

    def short(self, one: One):
        """The budget in the way, what is needed, what is left, and whether others are about to make room; the hold
        stands where there is none."""
        found, missed = [], []
        for budget in self.budgets(one):
            spent, held = self.standing(budget, one, one.at)
            needed, room = self.takes(budget, one.hold), budget.limit - budget.reserve
            if (spent + held + needed <= room) if needed else budget.limit > 0:
                continue
            short = (budget, needed, max(0, budget.limit - spent - held), needed > 0 and spent + needed <= room)
            stern = budget.mode == "enforce" and budget.action != "warn"
            (found if stern else missed).append(short)
        if found:
            return min(found, key=lambda each: (each[3], STERN.index(each[0].action), each[0].name))
        for budget, *_ in missed:
            if budget.mode == "enforce":
                one.did.append(("warn", budget.name, 0))
            elif budget.action != "warn":
                saved = one.recorded if budget.action in ("refuse", "throttle") else 0
                one.did.append((f"shadow: {budget.action}", budget.name, saved))
        self.hold(one)
        return None

    def hold(self, one: One) -> None:
        one.held = []
        for budget in self.budgets(one):
            one.held.append((budget, [one.at, 0, self.takes(budget, one.hold)]))
            self.entries.setdefault(self.key(budget, one), []).append(one.held[-1][1])

    def made_to_fit(self, one: One, enforced, instead: str, short):
        tried = {instead or one.call.model}
        while short is not None:
            budget = short[0]
            if short[3]:
                one.did.append(("wait", budget.name, 0))
                return self.hold(one)
            if one.free:
                return short
            downs = [b for b in self.budgets(one) if b.action == "downgrade" and b.mode == "enforce"]
            downs = sorted(downs, key=lambda each: (each.name != budget.name, each.name))
            named = [each for each in downs if each.downgrade_to not in tried] if budget.action == "downgrade" else []
            if not named:
                return self.shorter(one, instead, short)
            tried.add(named[0].downgrade_to)
            _, _, against, hold, _ = self.by_models(one, enforced, named[0].downgrade_to)
            if not against:
                one.hold, instead = hold, named[0].downgrade_to
                self.lighten(one, instead, None, "downgrade", named[0].name)
                short = self.short(one)
        return None

    def shorter(self, one: One, instead: str, short):
        budget, needed, left, _ = short
        model = self.model(one, instead)
        request = replace(one.request, output_tokens_max=0)
        limits = self.rules.prices.limits(one.call.provider, model)
        bare = held_at(
            self.rules,
            one.call,
            model,
            request,
            *first_hold(request, limits.output_tokens_max, limits.hidden_reasoning),
        )[0]
        room, growth = left - budget.reserve - self.takes(budget, bare), needed - self.takes(budget, bare)
        fits = min(one.hold.output_tokens, room * one.hold.output_tokens // growth) if room > 0 and growth > 0 else 0
        limit = fits // max(1, one.request.choices)
        if one.row["stream"] or not one.limitable or limit < OUTPUT_TOKENS_MIN:
            return short
        one.hold = self.weigh(one, instead, limit)[0]
        found = self.short(one)
        if found is None:
            self.lighten(one, instead, limit, "limit output", budget.name)
        return found

    # Ends

    def settle_until(self, now: int | None) -> None:
        for one in sorted(self.open, key=lambda one: (one.end, one.number)):
            if now is None or one.end <= now:
                self.open.remove(one)
                self.settle(one)

    def settle(self, one: One) -> None:
        if one.row["stream"]:
            self.cut(one)
        self.sums["spent_pico"] += one.cost
        for budget, entry in one.held:
            entry[1:] = [{Unit.USD: one.cost, Unit.TOKENS: one.tokens, Unit.CALLS: 1}[budget.unit], 0]
        for key, taken in one.limits.items():
            more = one.tokens - taken[2]
            taken[2] = min(taken[2], one.tokens)
            self.taken[key].append([one.end // HALF_S_US, 0, max(0, more), one.number])

    def cut(self, one: One) -> None:
        """A stream grows to what it comes to, or to what there is room for."""
        while one.cost > one.hold.cost_pico or one.tokens > one.hold.input_tokens + one.hold.output_tokens:
            held = one.hold.input_tokens + one.hold.output_tokens
            whole = Hold(max(one.cost, one.hold.cost_pico), max(one.tokens, held), 0)
            for budget, _ in one.held:
                needed, before = self.takes(budget, whole), self.takes(budget, one.hold)
                spent, all_held = self.standing(budget, one, max(one.at, one.row["settled_us"]))
                reserve = 0 if budget.on_cap == "finish" else budget.reserve
                stern = budget.mode == "enforce" and budget.action != "warn"
                if needed > before and stern and spent + all_held + needed - before > budget.limit - reserve:
                    break
            else:
                return
            fits = max(before, before + max(0, max(0, budget.limit - spent - all_held) - reserve))
            cost = min(one.cost, max(one.hold.cost_pico, one.cost * fits // needed))
            tokens = min(one.tokens, max(held, one.tokens * fits // needed))
            self.tell(one, "cut", budget.name, one.cost - cost)
            if (cost, tokens) == (one.cost, one.tokens):
                return
            one.cost, one.tokens = cost, tokens

    def tell(self, one: One, did: str, rule: str, saved: int) -> None:
        sums = self.counts.setdefault((rule, one.row["project"], one.at // DAY_US, did), [0, 0, 0, 0])
        for place, more in enumerate((1, one.recorded, saved, int(one.row["refused"]))):
            sums[place] += more
