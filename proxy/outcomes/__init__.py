"""Outcomes: what was delivered, and what it cost. Pure functions from facts to verdicts; docs/outcomes.md defines them.

told lines -> `folding` -> History -> `delivered`, `qualifying`, `grouping`, `crediting` -> Verdicts -> figures
"""
