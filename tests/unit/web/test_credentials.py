import pytest

from proxy.web.credentials import presented

KEY = b"outlay_abc"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"authorization", b"Bearer outlay_abc"),
        (b"authorization", b"bearer   outlay_abc"),
        (b"x-api-key", b"outlay_abc"),
        (b"x-goog-api-key", b"outlay_abc"),
        (b"api-key", b"outlay_abc"),
        (
            b"authorization",
            b"AWS4-HMAC-SHA256 Credential=outlay_abc/20260101/us-east-1/bedrock/aws4_request, "
            b"SignedHeaders=host;x-amz-date, Signature=0123456789abcdef",
        ),
    ],
)
def test_every_form_of_credential_is_found(name: bytes, value: bytes) -> None:
    found = presented({name: value}, b"/v1/models")
    assert (found.key, found.own_credential) == (KEY, False)


def test_a_key_in_the_query_is_found_and_taken_out() -> None:
    found = presented({}, b"/v1beta/x?alt=sse&key=outlay_abc&b=%2F")
    assert (found.key, found.target) == (KEY, b"/v1beta/x?alt=sse&b=%2F")


def test_a_query_without_a_key_keeps_its_bytes() -> None:
    assert presented({}, b"/v1/messages?beta=true&monkey=1&").target == b"/v1/messages?beta=true&monkey=1&"


def test_among_several_credentials_outlays_own_wins() -> None:
    found = presented({b"authorization": b"Bearer placeholder", b"x-api-key": KEY}, b"/")
    assert found.key == KEY


def test_an_own_credential_beside_the_outlay_key_is_marked() -> None:
    found = presented({b"x-outlay-key": KEY, b"authorization": b"Bearer sk-own"}, b"/")
    assert (found.key, found.own_credential) == (KEY, True)


def test_an_outlay_key_is_never_taken_for_a_providers_credential() -> None:
    found = presented({b"x-outlay-key": KEY, b"authorization": b"Bearer outlay_other"}, b"/")
    assert found.own_credential is False


def test_an_own_key_in_the_query_passes_beside_the_outlay_key() -> None:
    found = presented({b"x-outlay-key": KEY}, b"/v1beta/x?key=AIza")
    assert (found.own_credential, found.target) == (True, b"/v1beta/x?key=AIza")


def test_no_credential_is_an_empty_key() -> None:
    assert presented({}, b"/").key == b""


@pytest.mark.parametrize(
    ("query", "left"),
    [
        (b"?%6bey=outlay_abc&b=1", b"?b=1"),
        (b"?key=outlay%5Fabc", b""),
        (b"?key=one&b=%2F&key=outlay_abc", b"?b=%2F"),
        (b"?api_key=outlay_abc&b=1", b"?b=1"),
    ],
)
def test_no_spelling_takes_the_outlay_key_on_in_the_query(query: bytes, left: bytes) -> None:
    assert presented({b"authorization": b"Bearer outlay_abc"}, b"/v1/x" + query).target == b"/v1/x" + left
    beside = presented({b"x-outlay-key": KEY}, b"/v1/x" + query)
    assert (beside.target, beside.own_credential) == (b"/v1/x" + left, False)


def test_an_access_key_of_aws_is_no_outlay_key() -> None:
    theirs = b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/bedrock/aws4_request, Signature=00"
    assert presented({b"authorization": theirs}, b"/").key == theirs
    found = presented({b"x-outlay-key": KEY, b"authorization": theirs}, b"/")
    assert (found.key, found.own_credential) == (KEY, True)
