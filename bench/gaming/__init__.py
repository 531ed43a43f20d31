"""Whether gaming the figures of delivery pays: an honest organisation, and what each known strategy gains on it."""
