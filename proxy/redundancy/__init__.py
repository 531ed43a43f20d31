"""The redundancy detector: tells calls that repeat earlier paid work from calls that only look alike.

Pure and deterministic: requests, answers and times come in as values, findings go out. No prompt or answer text is
kept, only keyed hashes. All state is bounded (bounds.py) and lives in memory; after a restart it is rebuilt from new
traffic.
"""
