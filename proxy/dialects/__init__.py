"""Dialects: one wire format a file. Bytes in, facts out, refusals rendered in that format; nothing is sent here."""
