"""Sampling: what a request says of chance, wherever its dialect has the place for it."""

from collections.abc import Iterator
from typing import Any

import msgspec

from proxy.metering.json_object import NO_JSON


class _Config(msgspec.Struct, gc=False):
    temperature: float | None = None
    seed: Any = None


class _Body(msgspec.Struct, rename="camel", gc=False):
    temperature: float | None = None
    seed: Any = None
    generation_config: _Config | None = None
    inference_config: _Config | None = None


_decode = msgspec.json.Decoder(_Body).decode


def temperature(body: bytes) -> float | None:
    """None: the request doesn't say, or can't be read."""
    return next((config.temperature for config in _configs(body) if config.temperature is not None), None)


def seeded(body: bytes) -> bool:
    """Whether the request asks for the same chance each time."""
    return any(config.seed is not None for config in _configs(body))


def _configs(body: bytes) -> Iterator[_Config | _Body]:
    try:
        said = _decode(body)
    except NO_JSON:
        return
    for config in (said, said.generation_config, said.inference_config):
        if config is not None:
            yield config
