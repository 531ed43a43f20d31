"""The nouns of outlay: immutable values that every other package speaks in. Standard library only."""
