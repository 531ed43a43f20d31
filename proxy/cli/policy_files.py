"""Policy files as commands read them: the way a server does, each mistake named by the path of its file."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from proxy.adapters.policy_snapshot import take_snapshot
from proxy.policy import keys_yaml
from proxy.policy.load import load
from proxy.policy.types import Mistake, PolicySet
from proxy.settings import Settings


def read_policies(settings: Settings, models: Mapping[str, str] | None = None) -> PolicySet | list[Mistake]:
    """The set that stands in the files, or everything that is wrong in them. Its warnings are placed too. `models`:
    names of the price lists and who sells each, where models that nobody knows shall be among the warnings."""
    snapshot = take_snapshot(settings.policies, settings.keys_file)
    loaded = load(snapshot.files, models=models, now_us=time.time_ns() // 1000)
    if isinstance(loaded, list) or snapshot.unreadable:
        mistakes = [*snapshot.unreadable, *(loaded if isinstance(loaded, list) else [])]
        return [_placed(mistake, settings) for mistake in mistakes]
    return replace(loaded, warnings=tuple(_placed(warning, settings) for warning in loaded.warnings))


def _placed(found: Mistake, settings: Settings) -> Mistake:
    path: Path = settings.keys_file if found.file == keys_yaml.FILE else settings.policies / found.file
    return replace(found, file=str(path))
