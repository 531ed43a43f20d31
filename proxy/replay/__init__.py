"""Replay: what other policies would have made of the calls on record. It decides with the gateway's own rules."""
