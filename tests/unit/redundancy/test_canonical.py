from hypothesis import given
from hypothesis import strategies as st

from proxy.redundancy.canonical import canonical, compact
from proxy.redundancy.nonces import gibberish, looks_random, masked

PROMPT = "Please summarise the report of the depot in Leeds."


def same(one: str, other: str) -> bool:
    return compact(canonical(one)) == compact(canonical(other))


def test_what_cannot_be_seen_changes_nothing() -> None:
    assert same(PROMPT, "Please sum\u200bmarise the re\u2060port\ufeff of the de\u00adpot in Leeds.")
    assert same(PROMPT, "Please\u00a0summarise  the\nreport of the dep ot in Leeds.")


def test_case_and_compatibility_forms_change_nothing() -> None:
    assert same(PROMPT, PROMPT.upper())
    assert same("report", "ｒｅｐｏｒｔ")


def test_letters_that_look_the_same_are_the_same() -> None:
    assert same("report of the depot", "rероrt оf thе dероt")


def test_nonces_of_every_shape_are_left_out_wherever_they_stand() -> None:
    for nonce in (
        "2026-07-09T16:25:02Z",
        "2026-07-09 16:25:02",
        "1782824354437",
        "424d7c6c08cdb2c4",
        "c5f7b8e2-1234-4abc-9def-0123456789ab",
        "TxGjHzSoQDWl",
        "qgWRoKjKoKYU",
        "run #21669",
    ):
        assert same(PROMPT, f"{nonce}\n---\n{PROMPT}"), nonce
        assert same(PROMPT, f"{PROMPT}\n[ref {nonce}]"), nonce
        assert same(PROMPT, f"Please summarise the ({nonce}) report of the depot in Leeds."), nonce


def test_rows_that_differ_in_figures_dates_or_names_stay_different() -> None:
    for one, other in (
        ("requests=885956 errors=878 p50=27ms", "requests=465373 errors=865 p50=76ms"),
        ("the report of 2026-07-09", "the report of 2026-07-10"),
        ("order 12345", "order 12346"),
        ("pay 12 crates", "pay 13 crates"),
        ("issue #123", "issue #124"),
        ("fix getUserName", "fix getUserId"),
        ("version 3.20.11", "version 3.20.12"),
        ("call +441134960000", "call +441134960001"),
    ):
        assert not same(one, other), one


def test_identifiers_are_no_random_tokens() -> None:
    for name in (
        "getUserNameById",
        "parseHTTPResponse",
        "sha256sum",
        "TestCalculateAttributionWithAccumulated",
        "MacBookPro",
    ):
        assert not looks_random(name), name
        assert masked(name) == name
    for token in ("TxGjHzSoQDWl", "pQFROtZFFOYv", "OKncfnttzSMq"):
        assert looks_random(token), token
    assert gibberish("xkqjzvwpgh")
    assert not gibberish("summarise")


@given(st.text(max_size=300))
def test_canonical_form_is_reached_from_any_text_and_stays(text: str) -> None:
    once = compact(canonical(text))
    assert compact(canonical(text)) == once
    assert not any(character.isspace() for character in once)


@given(st.text(alphabet="abcdefgh .,\n", max_size=200), st.integers(0, 200))
def test_an_invisible_character_anywhere_changes_nothing(text: str, at: int) -> None:
    at = min(at, len(text))
    assert same(text, text[:at] + "\u200b" + text[at:])
