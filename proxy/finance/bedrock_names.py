"""Names of Bedrock's models on a price list: by region, by the geography of an inference profile, or out of an ARN.

AWS bills a call through an inference profile by the region it was sent to (Bedrock User Guide, "Cross-region
inference"), and a list has an entry for each geography whose prices differ. A profile of a geography that isn't listed
is taken at the prices of `us.`, which are never below those without a geography, and then at these. Ids that tell no
model (application profiles, provisioned throughput, imported models) have no name here: such a call is
unpriced, save where `deployments` of its provider says what the id runs.
"""

import re
from collections.abc import Iterator
from typing import Final

VENDOR: Final = "bedrock"

_ARN: Final = re.compile(r"arn:[a-z0-9-]+:[a-z]+:([a-z0-9-]*):[0-9]*:(foundation-model|inference-profile)/(.+)")
_GEOGRAPHY: Final = re.compile(r"(us-gov|us|eu|apac|au|jp|in|ca|sa|global)\.([a-z0-9-]+\..+)")
_CONTEXT: Final = re.compile(r":\d+k$")
"""Of a model with a window of its own: 'anthropic.claude-3-sonnet-20240229-v1:0:200k'."""
_WORLDWIDE: Final = "global"


def bedrock_candidates(served: str, asked: str, region: str) -> Iterator[str]:
    """Names to look for, best first. The model that answered counts where the one asked for tells nothing.

    `region`: where the provider takes calls; an ARN names its own.
    """
    for name in (asked, served):
        if name:
            yield from _names(name, region)


def _names(name: str, region: str) -> Iterator[str]:
    arn = _ARN.fullmatch(name)
    if arn:
        region, name = arn[1] or region, arn[3]
    elif name.startswith("arn:"):
        return
    name = _CONTEXT.sub("", name)
    profile = _GEOGRAPHY.fullmatch(name)
    if profile is None:
        if region:
            yield f"{region}/{name}"
        yield name
        return
    geography, plain = profile.groups()
    yield name
    if geography != _WORLDWIDE:
        if region:
            yield f"{region}/{plain}"
        yield f"us.{plain}"
    yield plain
