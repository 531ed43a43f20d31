"""A page of docs with parts that benches write, each between two marks; all around them stays."""

from pathlib import Path


def put(page: Path, bench: str, text: str) -> None:
    """Raises LookupError where the page has no such part."""
    begin, end = f"<!-- {bench}: begin -->", f"<!-- {bench}: end -->"
    before, there, rest = page.read_text().partition(begin)
    _, ended, after = rest.partition(end)
    if not there or not ended:
        raise LookupError(f"{page} has no part of {bench}")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")
