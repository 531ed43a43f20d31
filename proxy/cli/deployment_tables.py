"""The story of a deployment as text for a terminal."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

Document = Mapping[str, Any]
Section = tuple[str, Mapping[str, Any]]

CHANGES_SHOWN_MAX: Final = 50
_HOLDS: Final = {True: "yes", False: "no", None: "not yet known"}
_SHA_CHARS: Final = 12


def sections(story: Document) -> list[Section]:
    """In the order in which a person asks: what is it, does it count and why, what did it bring."""
    return [
        _head(story),
        _rulings("Does it count", story["rulings"]),
        *_against(story),
        *_changes(story),
        *_groups(story),
    ]


def _head(story: Document) -> Section:
    one = story["deployment"]
    facts = {
        "standing": _standing(story),
        "service": one["service"],
        "repository": one["repository"],
        "environment": one["environment"],
        "state": one["state"],
        "at": _time(one["at_us"])
        + ("" if one["clock_believed"] else " (when it was told: the source's time is not believed)"),
        "commit": one["sha"],
        "artefact": one["digest"],
        "by": one["actor"],
        "told by": f"{one['source']}, {one['trust']}{', imported' if one['imported'] else ''}",
        "also told as": one["also_told_as"],
        "after": one["after"],
        "commits": _commits(story["commits"]),
        "people": "by role; --reason names them, on record for each to see" if story["persons"] == "roles" else "",
        "definition": story["definition"],
    }
    return f"Deployment {one['id']}", {name: value for name, value in facts.items() if value}


def _standing(story: Document) -> str:
    until_us = story["pending_until_us"]
    return f"{story['standing']}, until {_time(until_us)}" if until_us else str(story["standing"])


def _rulings(title: str, rulings: list[Document]) -> Section:
    """Several may be of one rule: blanks behind it keep them apart."""
    return title, {
        each["rule"] + " " * at: f"{_HOLDS[each['holds']]}: {each['says']}" for at, each in _numbered(rulings)
    }


def _numbered(rulings: list[Document]) -> Iterator[tuple[int, Document]]:
    seen: dict[str, int] = {}
    for each in rulings:
        seen[each["rule"]] = seen.get(each["rule"], -1) + 1
        yield seen[each["rule"]], each


def _against(story: Document) -> Iterator[Section]:
    if story["against"]:
        yield (
            "Against it",
            {
                f"{at}.": f"{each['kind']}, {_time(each['at_us'])}, told by {each['source']}"
                for at, each in enumerate(story["against"], 1)
            },
        )


def _commits(commits: Document) -> str:
    if not commits["known"]:
        return "not known: its repository has no mirror, or it was not read yet"
    alone = commits["without_a_change"]
    first = ", ".join(sha[:_SHA_CHARS] for sha in alone[:3]) + (", …" if len(alone) > 3 else "")
    return f"{commits['count']:,}" + (f", {len(alone):,} of no merged change: {first}" if alone else "")


def _changes(story: Document) -> Iterator[Section]:
    changes = story["changes"]
    for each in changes[:CHANGES_SHOWN_MAX]:
        counted = "counts" if each["qualifies"] else "counts not" if each["qualifies"] is False else "not judged"
        title, rulings = _rulings(f"Change {each['change']}", each["rulings"])
        about = {"merged": _time(each["merged_us"]), "of its own": counted, "work items": each["work_items"]}
        yield title, {**{name: value for name, value in about.items() if value}, **rulings}
    if len(changes) > CHANGES_SHOWN_MAX:
        yield "More", {"changes": f"{len(changes) - CHANGES_SHOWN_MAX:,} more; --json has all"}


def _groups(story: Document) -> Iterator[Section]:
    for each in story["groups"]:
        cell = each["cell"]
        facts = {
            "changes": each["changes"],
            "standing": each["standing"],
            "landed first by": "this deployment" if each["landed_here"] else each["landed_first_by"],
            "made last by": each["made_last_by"],
            "credit": each["credit"],
            "for baselines only": each["baseline_credit"] if each["baseline_credit"] != "0" else "",
            "counts for": f"{cell['service']}, week of {_time(cell['week_us'])[:10]}",
        }
        yield f"Group {each['group']}", {name: value for name, value in facts.items() if value}


def _time(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us / 1e6, UTC):%Y-%m-%d %H:%M} UTC"
