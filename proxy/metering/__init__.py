"""What passes, read: events, encodings, JSON objects, fingerprints, estimates. Pure: bytes in, facts out."""
