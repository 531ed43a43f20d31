"""Shapes of services.yaml."""

from collections.abc import Mapping
from typing import Final

from proxy.policy import event_sources_yaml, mirrors_yaml, service_yaml, services_yaml
from proxy.policy.shape_kinds import (
    DURATION,
    FLAG,
    MOMENT,
    NAME,
    NAMES,
    ONE,
    PLACE,
    WORD,
    WORDS,
    FileShapes,
    Shape,
    any_of,
    choice_of,
    entries_of,
    list_of,
    ref_to,
    table_of,
)

PATHS: Final = list_of({"type": "string", "pattern": r"^(?!/)(?!(.*/)?\.\.?(/|$))[^\\]+$"}, minItems=1)
SOME_WORDS: Final[Shape] = {**WORDS, "minItems": 1}
SOME_NAMES: Final[Shape] = {**NAMES, "minItems": 1}


def _whole(least: int, most: int) -> Shape:
    return {"type": ["integer", "string"], "minimum": least, "maximum": most, "pattern": r"^[0-9]{1,9}$"}


SHAPES: Final[FileShapes] = {
    "": {
        "services": entries_of("service"),
        "sources": entries_of("source"),
        "mirrors": {**table_of(any_of(ref_to("mirror"), {"type": "null"})), "propertyNames": {"pattern": "/"}},
        "probation_days": _whole(0, services_yaml.PROBATION_DAYS_MAX),
        "probation_deployments": _whole(0, services_yaml.PROBATION_DEPLOYMENTS_MAX),
        "persons_min": _whole(services_yaml.PERSONS_MIN, services_yaml.PERSONS_MAX),
    },
    "service": {
        "repositories": list_of({"type": "string", "pattern": "/"}, minItems=1),
        "environments": list_of({**WORD, "pattern": r"^[^*]*$"}, minItems=1),
        "registered": MOMENT,
        "paths": PATHS,
        **{"names": SOME_WORDS, "deploy_actors": SOME_WORDS, "sources": SOME_NAMES},
        "soak": DURATION,
        **{"tier": NAME, "owner": NAME, "projects": SOME_NAMES},
        "trust": choice_of(service_yaml.TRUSTS),
        "config_counts": FLAG,
        "ignored": PATHS,
    },
    "source": {
        "kind": choice_of(event_sources_yaml.KINDS),
        "secrets": list_of(ref_to("secret"), minItems=1, maxItems=event_sources_yaml.SECRETS_MAX),
        "repositories": SOME_WORDS,
        "host": {"type": ["string", "number"], "pattern": f"^{event_sources_yaml.HOST_PATTERN}$"},
        "changes": FLAG,
    },
    "secret": PLACE,
    "mirror": {
        "url": {"type": "string", "pattern": f"^{mirrors_yaml.URL_PATTERN}$"},
        "token": ref_to("token"),
        "ssh_key": {"type": "string", "pattern": r"^(?!.*PRIVATE KEY).*\S"},
    },
    "token": PLACE,
}
TOGETHER: Final[Mapping[str, Shape]] = {
    "service": {"required": ["repositories", "environments", "registered"]},
    "source": {
        "required": ["kind", "secrets"],
        "dependentSchemas": {"changes": {"properties": {"kind": {"const": "cdevents"}}}},
    },
    "secret": ONE,
    "mirror": {"not": {"required": ["token", "ssh_key"]}},
    "token": ONE,
}
