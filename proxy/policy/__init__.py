"""Policies: types, loading and evaluation. Pure: text and facts in, values out."""
