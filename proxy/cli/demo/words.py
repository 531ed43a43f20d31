"""What is said in the demo: tasks, test results, stack traces and questions, put together from lists, no two alike."""

from random import Random
from typing import Final

_FILES: Final = tuple(
    f"{folder}/{name}.py"
    for folder in ("api", "billing", "carts", "core", "jobs", "ledger", "mail", "search", "sync", "web")
    for name in ("handlers", "limits", "models", "parsing", "queue", "refunds", "retries", "rounding", "session", "tax")
)
_VERBS: Final = ("add", "remove", "rename", "split", "cache", "validate", "log", "retry", "batch", "sort", "test")
_THINGS: Final = (
    *("the currency check", "partial refunds", "the timeout of the queue", "duplicate addresses", "old coupons"),
    *("the login redirect", "paging of results", "empty carts", "the parcel label", "rounding of taxes"),
    *("the import of prices", "stale sessions", "the mail template", "the search filter", "webhook signatures"),
)
_GOALS: Final = (
    *(
        "nobody is charged twice",
        "the nightly run ends before six",
        "support sees the reason",
        "it works without a cookie",
    ),
    *("German addresses fit", "a retry changes nothing", "the page loads in a second", "auditors find the entry"),
)
_SYLLABLES: Final = tuple(
    first + last for first in "bdfgklmnprstvz" for last in ("a", "e", "i", "o", "u", "an", "er", "il")
)
_ERRORS: Final = (
    "KeyError",
    "ValueError",
    "TimeoutError",
    "IndexError",
    "TypeError",
    "IntegrityError",
    "ConnectionError",
)
_ASKED: Final = (
    *(
        "what does this mean?",
        "why does it only fail on Mondays?",
        "how do I reproduce it here?",
        "is the cache to blame?",
    ),
    *("which commit could have done that?", "should the caller catch it?", "what would you log to find out?"),
)


def task(random: Random) -> str:
    return (
        f"In {random.choice(_FILES)}: {random.choice(_VERBS)} {random.choice(_THINGS)}, "
        f"so that {random.choice(_GOALS)}. Ticket {random.randint(100, 9999)}."
    )


def command(random: Random) -> str:
    """What an agent runs."""
    name = _function(random)
    return random.choice((f"pytest -x -k {name}", f"grep -rn {name} {random.choice(_FILES)}", f"git log -S {name}"))


def result(random: Random) -> str:
    """What running the tests printed."""
    lines = [
        f"{random.choice(_FILES)}::test_{_function(random)} {random.choice(('PASSED', 'PASSED', 'FAILED'))} "
        f"[{random.randint(1, 4000)} ms]"
        for _ in range(random.randint(4, 9))
    ]
    return "\n".join([*lines, f"E   {random.choice(_ERRORS)}: {_function(random)} at line {random.randint(5, 900)}"])


def question(random: Random) -> str:
    frames = [
        f'  File "{random.choice(_FILES)}", line {random.randint(5, 900)}, in {_function(random)}'
        for _ in range(random.randint(3, 7))
    ]
    error = f"{random.choice(_ERRORS)}: {_function(random)} {random.randint(2, 99_999)}"
    return "\n".join(["Traceback (most recent call last):", *frames, error, "", random.choice(_ASKED).capitalize()])


def order(random: Random) -> str:
    """What a customer writes."""
    what = random.choice(("shoes", "a lamp", "two books", "a kettle", "garden chairs", "a phone case", "headphones"))
    said = random.choice(
        (
            "where is my parcel?",
            "can I still change the address?",
            "it came without the receipt.",
            "one part is broken, what now?",
            "how do I send it back?",
            "was my coupon taken off?",
        )
    )
    town = random.choice(("Bonn", "Lyon", "Graz", "Turin", "Ghent", "Porto", "Malmo", "Cork", "Brno"))
    return f"Order {random.getrandbits(24)}, {what} to {town}, paid on day {random.randint(1, 28)}: {said}"


def article(random: Random) -> str:
    """A text of the shop's help pages."""
    return " ".join(f"{random.choice(_THINGS)} {random.choice(_VERBS)} {_function(random)}." for _ in range(6))


def code(random: Random) -> str:
    """Three functions, no line of which stands anywhere else."""
    return "\n".join(_lines(random) for _ in range(3))


def _lines(random: Random) -> str:
    given, made, other = (_name(random) for _ in range(3))
    return (
        f"def {_function(random)}({given}):\n    {made} = {other}.{_name(random)}({given})\n"
        f"    if {made}.{_name(random)} in {other}:\n        return {_function(random)}({made})\n    return {made}\n"
    )


def _function(random: Random) -> str:
    """A name as code has them: there are ever new ones."""
    return f"{random.choice(_VERBS)}_{_name(random)}_{_name(random)}"


def _name(random: Random) -> str:
    return "".join(random.choice(_SYLLABLES) for _ in range(random.randint(2, 4)))
