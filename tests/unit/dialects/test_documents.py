"""PDF files in a call: by their pages, where those come to more than their bytes."""

from base64 import b64encode

import pytest

from proxy.dialects.documents import PAGE_TOKENS, PAGES_MAX, page_tokens

PAGE = b"<</Type /Page /Parent 1 0 R>>"


def sent(file: bytes, *, escaped: bool = False) -> bytes:
    data = b64encode(b"%PDF-1.7\n" + file)
    return b'[{"type":"document","source":{"data":"%b"}}]' % (data.replace(b"/", b"\\/") if escaped else data)


def held(content: bytes) -> int:
    """With the bytes of the file."""
    return page_tokens(content) + len(content)


@pytest.mark.parametrize("escaped", [False, True])
@pytest.mark.parametrize(
    ("file", "pages"),
    [
        (PAGE * 7, 7),
        (b"<</Type/Pages /Count 40 /Kids [3 0 R]>>" + PAGE, 40),
        (b"\xff\xfe\xfd packed" * 9, PAGES_MAX),
        (b"<</Type/Pages /Count 999999>>", PAGES_MAX),
    ],
)
def test_small_files_with_many_pages_are_held_by_those(file: bytes, pages: int, escaped: bool) -> None:
    content = sent(file, escaped=escaped)
    assert 0 <= held(content) - pages * PAGE_TOKENS < 100


def test_a_large_file_is_held_by_its_bytes_and_what_is_no_file_needs_nothing() -> None:
    assert page_tokens(sent(PAGE + b"0" * 300_000)) == 0
    assert page_tokens(b'[{"content":"%PDF-1.7"}]') == 0


@pytest.mark.parametrize("letters", [0, 1, 99, 100, 101, 250])
def test_a_file_is_found_behind_any_number_of_letters_that_could_begin_one(letters: int) -> None:
    before = b'["' + b"J JVBER JVBE" * letters + b'"]'
    assert page_tokens(before) == 0
    assert page_tokens(before + sent(PAGE * 7)) == page_tokens(sent(PAGE * 7)) > 0


def test_a_broken_file_is_held_as_if_it_had_every_page() -> None:
    assert held(b'"JVBERiA"') == PAGES_MAX * PAGE_TOKENS + 2
