"""HTTP in, HTTP out. No rule lives here."""
