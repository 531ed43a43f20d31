"""A recorded call, as a replay by hand goes through it."""

import json
from typing import Any

from proxy.model.ask import BESIDE_TEXT
from proxy.model.call import Call, Hold, Request
from proxy.model.usage import Served, Usage

NUMBERS = [
    "hold_pico", "hold_input", "hold_output", "expected", "input_bytes", "output_max", "thinking_max", "unseen",
    "choices", "searches", "background", "spoken", "unpriced", "free", "unlimitable", "input_audio", "input_image",
    "output_audio", "output_image", "input_audio_ms", "input_characters", "output_images",
]  # fmt: skip


class One:
    """A call under way."""

    def __init__(self, number: int, row: dict[str, Any]) -> None:
        self.number, self.row, self.did = number, row, []
        self.at, self.end = row["opened_us"], max(row["opened_us"], row["settled_us"])
        self.facts = {**row, **{f"tags.{name}": value for name, value in row["tags"].items()}}
        self.call = Call(
            f"{number}", self.at, row["dialect"], row["operation"], row["provider"], "", row["model"], row["stream"],
            row["key"], row["user"], "", row["team"], row["project"], "", "", "",
        )  # fmt: skip
        numbers, names, usage, (tier, region, speed, variant) = json.loads(row["details"].split("\n")[0])
        self.usage, self.served = Usage(*usage), Served("", tier, region, speed, variant)
        self.hold = Hold(row["hold_pico"], row["hold_input"], row["hold_output"])
        self.expected, self.cost, self.tokens = row["expected_tokens"], row["cost_pico"], row["tokens"]
        self.sent, self.free, self.limitable, said = "", row["free"], not row["unlimitable"], {}
        if numbers is None:
            prompt = self.usage.prompt_tokens
            self.request = Request(row["model"], row["stream"], input_bytes=prompt, variant=variant)
            self.ask_hold, self.ask_expected = self.hold, prompt + self.usage.output_tokens
        else:
            said = {name: value for name, value in zip(NUMBERS, numbers, strict=True) if value is not None}
            self.free, self.limitable, self.sent = bool(said.get("free")), not said.get("unlimitable"), names[4] or ""
            self.request = Request(
                row["model"], row["stream"], said.get("choices", 1), said.get("output_max"), said.get("thinking_max"),
                input_bytes=said["input_bytes"], fixed=Usage(**{k: said[k] for k in BESIDE_TEXT if k in said}),
            )  # fmt: skip
            self.ask_hold = Hold(said["hold_pico"], said["hold_input"], said["hold_output"])
            self.ask_expected = said["expected"]
