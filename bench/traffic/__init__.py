"""Labelled traffic of our own: honest work and token burning over the same people, days and models.

A pattern is a function that yields calls. Those of one family share a file: `honest_*` for work, `waste_*` for what
people who are ranked by tokens, and know that a detector exists, might try. `plan` decides how many of each, `writing`
puts them in order of time. All text comes from grammars and word lists here; the same seed gives the same bytes.
"""
