"""Sampling: what a request says of chance, wherever its dialect has the place for it."""

import msgspec

from proxy.metering.json_object import NO_JSON


class _Config(msgspec.Struct, gc=False):
    temperature: float | None = None


class _Body(msgspec.Struct, rename="camel", gc=False):
    temperature: float | None = None
    generation_config: _Config | None = None
    inference_config: _Config | None = None


_decode = msgspec.json.Decoder(_Body).decode


def temperature(body: bytes) -> float | None:
    """None: the request doesn't say, or can't be read."""
    try:
        said = _decode(body)
    except NO_JSON:
        return None
    for config in (said, said.generation_config, said.inference_config):
        if config is not None and config.temperature is not None:
            return config.temperature
    return None
