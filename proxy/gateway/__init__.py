"""The data plane's use case: admission, relay, settlement. Reads no HTTP, picks no adapter."""
