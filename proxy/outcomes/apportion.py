"""Apportioning: a whole amount in whole parts that sum to it exactly, by the largest remainder."""

from collections.abc import Mapping


def apportion(amount: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Each name's part, less than one unit from its exact share. Weights are above 0; there is at least one.

    Nothing depends on the order of the names: of equal remainders the first by name gets the unit. A negative amount is
    parted as the positive one.
    """
    sign = -1 if amount < 0 else 1
    total = sum(weights.values())
    parts: dict[str, int] = {}
    remainders: list[tuple[int, str]] = []
    for name, weight in weights.items():
        parts[name], remainder = divmod(abs(amount) * weight, total)
        remainders.append((-remainder, name))
    left = abs(amount) - sum(parts.values())
    for _, name in sorted(remainders)[:left]:
        parts[name] += 1
    return {name: sign * part for name, part in parts.items()}


def evenly(amount: int, names: tuple[str, ...]) -> dict[str, int]:
    return apportion(amount, dict.fromkeys(names, 1))
