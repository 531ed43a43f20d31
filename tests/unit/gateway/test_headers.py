import pytest

from proxy.gateway.headers import (
    NAME_CHARS_MAX,
    TAGS_MAX,
    client_headers,
    client_product,
    lookup,
    narrowing,
    retry_count,
    trace,
    upstream_headers,
)

CREDENTIAL = (b"authorization", b"Bearer sk-provider")


def passed(*lines: tuple[bytes, bytes], own: bool = False) -> list[tuple[bytes, bytes]]:
    return upstream_headers(lines, lookup(lines), None if own else CREDENTIAL, own=own, key=b"outlay_abc")


def test_unknown_headers_keep_their_order_and_their_duplicates() -> None:
    lines = [(b"anthropic-beta", b"one"), (b"x-unknown", b"1"), (b"anthropic-beta", b"two")]
    assert passed(*lines) == [*lines, CREDENTIAL]


@pytest.mark.parametrize("name", [b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key"])
def test_the_callers_credential_never_goes_upstream(name: bytes) -> None:
    assert passed((name, b"outlay_secret")) == [CREDENTIAL]


def test_an_own_provider_credential_passes_untouched_and_the_outlay_key_does_not() -> None:
    lines = [(b"x-outlay-key", b"outlay_secret"), (b"authorization", b"Bearer own-subscription")]
    assert passed(*lines, own=True) == [(b"authorization", b"Bearer own-subscription")]


@pytest.mark.parametrize(
    "name",
    [b"connection", b"keep-alive", b"te", b"transfer-encoding", b"upgrade", b"host", b"content-length", b"expect"],
)
def test_headers_of_one_connection_stay_on_it(name: bytes) -> None:
    assert passed((name, b"value"), own=True) == []


def test_headers_named_by_the_connection_header_stay_too() -> None:
    assert passed((b"connection", b"keep-alive, X-Private"), (b"x-private", b"1"), own=True) == []


def test_outlays_own_headers_are_consumed() -> None:
    assert passed((b"x-outlay-project", b"p"), (b"x-outlay-anything", b"q"), own=True) == []


def test_answer_headers_pass_with_duplicate_cookies_and_without_the_connections_own() -> None:
    lines = [
        (b"Set-Cookie", b"a=1"),
        (b"Set-Cookie", b"b=2"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Retry-After", b"3"),
    ]
    assert client_headers(lines) == [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"retry-after", b"3")]


def test_a_provider_cannot_speak_as_outlay() -> None:
    assert client_headers([(b"x-outlay-call-id", b"call_forged")]) == []


def test_what_the_caller_states_is_bounded_and_tags_are_parsed() -> None:
    many = ",".join(f"k{n}=v" for n in range(50))
    stated = narrowing(
        {
            b"x-outlay-project": b" checkout ",
            b"x-outlay-branch": b"x" * 1000,
            b"x-outlay-tags": b"env=prod, =none, novalue, env=second," + many.encode(),
        }
    )
    assert stated.project == "checkout"
    assert len(stated.branch) == NAME_CHARS_MAX
    assert stated.tags["env"] == "prod"
    assert len(stated.tags) == TAGS_MAX


def test_a_header_that_is_not_utf8_is_still_read() -> None:
    assert narrowing({b"x-outlay-work-item": b"caf\xe9"}).work_item == "café"


@pytest.mark.parametrize(
    ("agent", "product"),
    [
        (b"OpenAI/Python 2.54.0", "OpenAI/Python"),
        (b"claude-cli/2.0.1 (external, cli)", "claude-cli"),
        (b"Anthropic/JS 1.11", "Anthropic/JS"),
        (b"curl/8.1", "curl"),
        (b"", ""),
    ],
)
def test_the_client_is_named_without_its_version(agent: bytes, product: str) -> None:
    assert client_product({b"user-agent": agent}) == product


@pytest.mark.parametrize(("value", "count"), [(b"2", 2), (b"", 0), (b"-1", 0), (b"9" * 40, 0), (b"x", 0)])
def test_the_clients_retry_count_is_read_with_care(value: bytes, count: int) -> None:
    assert retry_count({b"x-stainless-retry-count": value}) == count


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("line", [(b"cookie", b"a=1; k=outlay_abc"), (b"x-litellm-api-key", b"Bearer outlay_abc")])
def test_no_header_takes_the_outlay_key_to_a_provider(line: tuple[bytes, bytes], own: bool) -> None:
    assert (b"x-kept", b"1") in passed(line, (b"x-kept", b"1"), own=own)
    assert line not in passed(line, (b"x-kept", b"1"), own=own)


def test_an_outlay_key_in_the_first_of_two_credential_lines_stays_here() -> None:
    lines = [(b"authorization", b"Bearer outlay_other"), (b"authorization", b"Bearer sk-own")]
    assert passed(*lines, own=True) == [(b"authorization", b"Bearer sk-own")]


def test_every_connection_line_names_headers_of_that_connection() -> None:
    lines = [(b"connection", b"x-hop"), (b"connection", b"keep-alive"), (b"x-hop", b"1"), (b"x-end", b"1")]
    assert passed(*lines, own=True) == [(b"x-end", b"1")]


@pytest.mark.parametrize("name", [b"content-type", b"content-encoding"])
def test_no_connection_line_takes_away_how_a_body_is_to_be_read(name: bytes) -> None:
    """Without it, a body could be another call at the provider than the one that was read here."""
    assert passed((b"connection", b"x-a, " + name), (name, b"1"), own=True) == [(name, b"1")]


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01", "a" * 32 + "-" + "b" * 16),
        (b"01-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01-more", "a" * 32 + "-" + "b" * 16),
        (b"00-" + b"0" * 32 + b"-" + b"b" * 16 + b"-01", ""),
        (b"00-" + b"a" * 32 + b"-" + b"0" * 16 + b"-01", ""),
        (b"ff-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01", ""),
        (b"00-" + b"A" * 32 + b"-" + b"b" * 16 + b"-01", ""),
        (b"nonsense", ""),
        (b"", ""),
    ],
)
def test_the_clients_span_is_read_where_it_is_whole(said, read):
    assert trace({b"traceparent": said}) == read
