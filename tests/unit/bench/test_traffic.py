"""Labelled traffic: the same seed, the same bytes; files that hang together; as much waste as was asked."""

import gzip
import json
from collections import defaultdict
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bench.traffic import calls as traffic_calls
from bench.traffic.company import START_S, Scene, founded
from bench.traffic.plan import HONEST, WASTE, made
from bench.traffic.prices import LIST
from bench.traffic.writing import Spool

USERS, DAYS = 20, 7
Rows = list[dict[str, Any]]


def written(folder: Path, *, seed: int = 1, waste: float = 0.3, users: int = USERS, name: str = "set") -> Path:
    folder.mkdir(exist_ok=True)
    with Spool() as spool:
        company = made(spool, seed=seed, waste=waste, users=users, days=DAYS)
        spool.write(folder / name, company.kept)
    return folder / name


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("traffic"))


def rows(prefix: Path, kind: str) -> Rows:
    return [json.loads(line) for line in gzip.decompress(Path(f"{prefix}.{kind}.jsonl.gz").read_bytes()).splitlines()]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(prefix: Path, tmp_path: Path) -> None:
    again, other = written(tmp_path / "again", name="other"), written(tmp_path / "other", seed=2)

    for end in ("calls.jsonl.gz", "labels.jsonl.gz", "texts.json.gz"):
        first = Path(f"{prefix}.{end}").read_bytes()
        assert Path(f"{again}.{end}").read_bytes() == first
        assert Path(f"{other}.{end}").read_bytes() != first


@pytest.mark.parametrize("waste", [0.0, 0.08, 0.3])
def test_waste_has_the_share_of_money_that_was_asked(tmp_path: Path, waste: float) -> None:
    prefix = written(tmp_path / "set", waste=waste, users=40)
    money: dict[str, float] = defaultdict(float)
    for call, label in zip(rows(prefix, "calls"), rows(prefix, "labels"), strict=True):
        assert call["id"] == label["id"]
        money[label["label"]] += call["response"]["cost_usd"]

    assert (money["waste"] + money["grace"]) / sum(money.values()) == pytest.approx(waste, abs=0.02)


def test_calls_are_in_order_of_time_and_build_on_earlier_calls_and_known_texts(prefix: Path) -> None:
    texts = json.loads(gzip.decompress(Path(f"{prefix}.texts.json.gz").read_bytes()))
    ended: dict[str, tuple[float, str]] = {}
    last_s = float(START_S)
    for call in rows(prefix, "calls"):
        request, response = call["request"], call["response"]
        assert last_s <= request["ts"] < START_S + DAYS * 86_400
        last_s = request["ts"]
        base = request["base"]
        if base is not None:
            assert ended[base][0] <= request["ts"]
            assert ended[base][1] == request["user"]
            assert request["delta"][0] == ["assistant", None]
        for _, text in request["delta"] + [["", response["reply"]]]:
            for part in text if isinstance(text, list) else ():
                assert isinstance(part, str) or texts[part[0]][part[1] : part[2]]
        ended[call["id"]] = response["finished_ts"], request["user"]


def test_the_cost_is_that_of_the_tokens_at_list_price(prefix: Path) -> None:
    for call in rows(prefix, "calls"):
        rates, usage = LIST[call["request"]["model"]], call["response"]
        usd = usage["input_tokens"] * rates.input + usage["cache_read_tokens"] * rates.cache_read
        usd += usage["cache_write_tokens"] * rates.cache_write + usage["output_tokens"] * rates.output
        assert usage["cost_usd"] == pytest.approx(usd / 1e6, abs=1e-8)
        if usage["status"] not in (200, traffic_calls.GAVE_UP):
            assert usd == 0


def test_only_the_labels_file_tells_which_calls_are_waste(prefix: Path) -> None:
    seen = {*["ts", "user", "project", "session", "endpoint", "dialect", "model", "params", "headers", "delta", "base"]}
    answered = "finished_ts status reply reply_hash input_tokens cache_read_tokens cache_write_tokens output_tokens"
    for call in rows(prefix, "calls"):
        assert set(call) == {"id", "request", "response"}
        assert set(call["request"]) == seen
        assert set(call["response"]) == {*answered.split(), "cost_usd"}


def test_the_first_three_calls_of_a_campaign_are_grace(prefix: Path) -> None:
    campaigns: dict[str, list[str]] = defaultdict(list)
    for label in rows(prefix, "labels"):
        assert (label["campaign"] is None) == (label["label"] == "legit")
        if label["campaign"]:
            campaigns[label["campaign"]].append(label["label"])

    assert len(campaigns) >= 4
    for kinds in campaigns.values():
        assert kinds[:3] == ["grace"] * len(kinds[:3])
        assert set(kinds[3:]) <= {"waste"}


def test_every_honest_pattern_takes_part(prefix: Path) -> None:
    assert {label["pattern"] for label in rows(prefix, "labels") if label["label"] == "legit"} == set(HONEST)


@pytest.mark.parametrize("name", sorted(WASTE))
def test_a_strategy_goes_on_and_burns(name: str) -> None:
    company = founded(3, 10, 14)
    user, project = company.people[0]
    made_calls = list(islice(WASTE[name](Scene(company, Random(1), user, project)), 40))

    assert len(made_calls) == 40
    assert sum(call.cost_usd for call in made_calls) > 0


def test_a_conversation_reads_from_the_cache_what_it_said_within_five_minutes() -> None:
    talk = traffic_calls.Talk(traffic_calls.Caller("u001", "proj01", "claude-opus-4-6", caches=True))
    first = talk.say(0.0, ("user", "word " * 2_000), reply="yes")
    soon = talk.say(60.0, ("user", "more " * 10))
    late = talk.say(900.0, ("user", "again"))

    assert (first.read, soon.read, late.read) == (0, first.fresh + first.written, 0)
    assert soon.cost_usd < first.cost_usd
