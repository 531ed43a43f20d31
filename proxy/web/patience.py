"""Patience: how long clients may take and how many there may be: what bounds the connections of one port."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds, bytes, bytes a second. A rate of 0 asks for none."""

    header_s: float = 30.0
    """To finish the headers of a request."""
    keep_alive_s: float = 75.0
    """Between two calls."""
    closing_s: float = 1.0
    """Instead of that once the port is being closed: who calls again and again does so within it, and is told to go."""
    discard_s: float = 30.0
    """For the rest of a body whose answer has been given; it is thrown away."""
    body_idle_s: float = 30.0
    """The longest silence within a body."""
    body_rate_min: int = 1000
    """Of a body, over all the time that outlay waited for it."""
    answer_idle_s: float = 600.0
    """How often it is looked at whether a client takes of an answer that waits for it."""
    answer_rate_min: int = 100
    """Taken between two looks, and at least something: without an end, the answer would hold its call for ever."""
    answers_bytes_max: int = 256 * 1024 * 1024
    """What answers that wait for their clients may take together; then the one that waits longest is cut off."""
    heads_bytes_max: int = 64 * 1024 * 1024
    """What heads of requests that aren't whole may have sent together; then the one that began first is turned away."""
    connections_max: int = 4000
    """Open at once. Above it, calls are told to come back."""
