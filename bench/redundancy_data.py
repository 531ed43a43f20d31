"""Labelled traffic as files: NAME.calls.jsonl.gz, NAME.texts.json.gz and, where there are labels, NAME.labels.jsonl.gz.

A call stores only what its messages add to those of an earlier call (`base`); a text is a string or a list of strings
and slices [text id, start, end] of shared texts; ["assistant", null] is the reply of the base call.
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from proxy.redundancy.sight import Answer, Evaluation, Message, Sight

PICO = 10**12
EVALUATION_PURPOSE = "eval"


@dataclass(frozen=True, slots=True)
class Label:
    """`kind`: waste, grace (the first calls of a campaign, not scored) or legit."""

    kind: str
    pattern: str
    campaign: str | None


@dataclass(frozen=True, slots=True)
class Played:
    sight: Sight
    answer: Answer
    label: Label | None


CALLS: Final = ".calls.jsonl.gz"
TEXTS: Final = ".texts.json.gz"
LABELS: Final = ".labels.jsonl.gz"


def data_sets(path: Path) -> list[Path]:
    """The sets that are meant, without endings: a set's own path, that of one of its files, or a folder of sets.
    Raises FileNotFoundError, which says what is missing."""
    if path.is_dir():
        found = [Path(str(each).removesuffix(CALLS)) for each in sorted(path.glob(f"*{CALLS}"))]
    else:
        ending = next((each for each in (CALLS, TEXTS, LABELS) if path.name.endswith(each)), "")
        found = [Path(str(path).removesuffix(ending))]
    if not found:
        raise FileNotFoundError(f"{path} holds no NAME{CALLS}")
    for each, ending in ((each, ending) for each in found for ending in (CALLS, TEXTS)):
        if not Path(f"{each}{ending}").is_file():
            raise FileNotFoundError(f"there is no {each}{ending}: give a set's path without endings, or its folder")
    return found


def read(prefix: Path) -> list[Played]:
    """All calls in order of arrival. Raises FileNotFoundError where the calls or texts are missing."""
    texts: dict[str, str] = json.loads(gzip.decompress(Path(f"{prefix}{TEXTS}").read_bytes()))
    labels = _labels(Path(f"{prefix}{LABELS}"))
    prompts: dict[str, list[Message]] = {}
    replies: dict[str, str] = {}
    played = []
    for row in _rows(Path(f"{prefix}{CALLS}")):
        call_id, request, response = row["id"], row["request"], row["response"]
        base = request["base"]
        added = [(role, replies[base] if text is None else _text(text, texts)) for role, text in request["delta"]]
        prompts[call_id] = (prompts[base] if base else []) + added
        replies[call_id] = _text(response["reply"], texts)
        sight = sight_of(call_id, request, prompts[call_id])
        played.append(Played(sight, answer_of(response, replies[call_id]), labels.get(call_id)))
    return played


def sight_of(call_id: str, request: dict[str, Any], messages: list[Message]) -> Sight:
    """What the gateway would show the detector. A service that claims an evaluation counts as registered."""
    service = request["user"].startswith("svc-")
    headers, params = request["headers"], request["params"]
    evaluates = service and headers.get("x-run-purpose") == EVALUATION_PURPOSE
    return Sight(
        call_id=call_id,
        at_us=round(request["ts"] * 1e6),
        owner=request["user"],
        owner_kind="service" if service else "person",
        project=request["project"],
        session=request["session"],
        model=request["model"],
        operation=request["endpoint"],
        temperature=params.get("temperature"),
        choices=params.get("n", 1),
        output_tokens_max=params.get("max_tokens"),
        retry_count=int(headers.get("x-stainless-retry-count", 0)),
        evaluation=Evaluation(headers.get("x-commit", "")) if evaluates else None,
        justification=headers.get("x-outlay-justification"),
        messages=messages,
    )


def answer_of(response: dict[str, Any], reply: str) -> Answer:
    return Answer(
        ended_us=round(response["finished_ts"] * 1e6),
        status=response["status"],
        reply=reply,
        output_tokens=response["output_tokens"],
        cost_pico=round(response["cost_usd"] * PICO),
        hung_up=response["status"] == 599,
    )


def _labels(path: Path) -> dict[str, Label]:
    if not path.exists():
        return {}
    return {row["id"]: Label(row["label"], row["pattern"], row["campaign"]) for row in _rows(path)}


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _text(stored: str | list[Any], texts: dict[str, str]) -> str:
    if isinstance(stored, str):
        return stored
    return "".join(part if isinstance(part, str) else texts[part[0]][part[1] : part[2]] for part in stored)
