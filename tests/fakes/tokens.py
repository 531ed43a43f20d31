"""A token counter that counts words."""

from collections.abc import Sequence

from proxy.ports.tokens import Count


class WordCounter:
    """Fulfils ports.tokens.TokenCounter: one token a word. `asked` holds what it was given;
    `guesses`: none of it can be counted."""

    def __init__(self, *, guesses: bool = False) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.guesses = guesses

    async def count(self, model: str, texts: Sequence[str]) -> Count:
        self.asked.append(tuple(texts))
        return Count(sum(len(text.split()) for text in texts), guessed=self.guesses)
