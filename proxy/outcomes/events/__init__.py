"""Events: what sources deliver, from raw bytes and headers to facts. Verified before anything is read, and pure.

Each source has a module with `verify` (does one who knows the secret say so?) and `translate` (what does it tell?).
Texts of people (titles, messages, descriptions) are searched for names of work items, commits and sessions, and left.
"""
