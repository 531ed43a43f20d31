"""litellm before refusals. Arguments: URL, and a JSON list of calls (key, model, headers). Prints what it raised."""

import json
import sys

import litellm

litellm.suppress_debug_info = True
litellm.telemetry = False


def raised(url: str, key: str, model: str, headers: dict[str, str]) -> str:
    try:
        litellm.completion(
            model=f"openai/{model}",
            api_base=f"{url}/v1",
            api_key=key,
            messages=[{"role": "user", "content": "hello there"}],
            extra_headers=headers,
            timeout=300,
        )
    except Exception as error:  # Whatever it is that litellm makes of a refusal.
        return str(error)
    return ""


address, cases = sys.argv[1], json.loads(sys.argv[2])
print(json.dumps([raised(address, **case) for case in cases]))
