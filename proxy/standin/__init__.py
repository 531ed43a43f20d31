"""The stand-in provider: a fake LLM provider of our own, for a first metered call without any provider key.

It asks no model. It speaks the wire formats of OpenAI and Anthropic, counts what it sends to the token, misbehaves in
the ways that real providers do when a request header asks for it, and tells what it counted, so that a proxy's own
ledger can be compared with it. Nothing of outlay but the kinds of usage is used here: a comparison needs two witnesses.
"""

from typing import Final

HOST_DEFAULT: Final = "127.0.0.1"
PORT_DEFAULT: Final = 4140
