"""Signing: what goes out carries a signature that a checker of our own, written from the specification, finds right."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.adapters import signing_botocore
from proxy.adapters.signing_botocore import STREAMED_BYTES_MAX, SigningUpstream
from proxy.ports.upstream import NOTHING_SENT, Fault, Signing, UpstreamError, UpstreamRequest
from proxy.standin.sigv4 import wrong_with

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
BASE = "https://bedrock-runtime.us-east-1.amazonaws.com"
REQUEST = UpstreamRequest(
    method="POST",
    base_url=BASE,
    target=b"/model/us.anthropic.claude-sonnet-5%3A0/converse",
    headers=[(b"Content-Type", b"application/json"), (b"x-amzn-bedrock-trace", b"on"), (b"x-other", b"1")],
    body=b'{"messages":[]}',
    signing=Signing("bedrock", "us-east-1"),
)


@dataclass
class Keeping:
    """An Upstream that keeps what it is given."""

    sent: list[UpstreamRequest] = field(default_factory=list)

    async def send(self, request: UpstreamRequest) -> Any:
        self.sent.append(request)
        return "answer"


@pytest.fixture(autouse=True)
def _a_machine_without_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")


async def sent(request: UpstreamRequest) -> UpstreamRequest:
    inner = Keeping()
    signing = SigningUpstream(inner)
    try:
        assert await signing.send(request) == "answer"  # type: ignore[comparison-overlap]  # as Keeping gives it
    finally:
        signing.close()
    return inner.sent[0]


def wrong(request: UpstreamRequest, secret: str = SECRET) -> str:
    headers = {name.decode().lower(): value.decode() for name, value in request.headers}
    assert isinstance(request.body, bytes)
    host = request.base_url.partition("://")[2]
    return wrong_with(request.method, request.target, {**headers, "host": host}, request.body, secret)


async def test_what_is_not_to_be_signed_goes_straight_through() -> None:
    inner = Keeping()
    plain = replace(REQUEST, signing=None)
    await SigningUpstream(inner).send(plain)
    assert inner.sent[0] is plain


@pytest.mark.usefixtures("environment")
async def test_a_signed_request_is_right_by_the_specification() -> None:
    out = await sent(REQUEST)
    assert wrong(out) == ""
    assert (out.target, out.body, out.base_url) == (REQUEST.target, REQUEST.body, BASE)
    assert list(out.headers)[:3] == list(REQUEST.headers)
    assert (b"x-amz-security-token", b"token") in out.headers
    assert b"Credential=AKIDEXAMPLE/" in dict(out.headers)[b"authorization"]
    assert b"/us-east-1/bedrock/aws4_request" in dict(out.headers)[b"authorization"]


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    "changed",
    [
        {"body": b'{"messages":[1]}'},
        {"target": b"/model/us.anthropic.claude-sonnet-5:0/converse"},
        {"base_url": "https://bedrock-runtime.us-west-2.amazonaws.com"},
        {"method": "PUT"},
    ],
)
async def test_the_signature_covers_host_target_method_and_body(changed: dict[str, Any]) -> None:
    out = await sent(REQUEST)
    assert "does not match" in wrong(replace(out, **changed))
    assert "does not match" in wrong(out, "another secret")


@pytest.mark.usefixtures("environment")
async def test_a_signature_that_came_along_is_replaced() -> None:
    theirs = [
        (b"Authorization", b"AWS4-HMAC-SHA256 theirs"),
        (b"X-Amz-Date", b"20000101T000000Z"),
        (b"X-Amz-Custom", b"1"),
    ]
    out = await sent(replace(REQUEST, headers=[*REQUEST.headers, *theirs]))
    assert wrong(out) == ""
    names = [name.lower() for name, _ in out.headers]
    assert names.count(b"authorization") == names.count(b"x-amz-date") == 1
    assert b"x-amz-custom" in dict(out.headers)[b"authorization"]


@given(
    st.text(st.characters(codec="ascii", exclude_categories=["C"], exclude_characters="/?#\\ "), min_size=1),
    st.binary(),
    st.sampled_from(["", "?a=1&b=", "?b=2&a=1&a=0", "?x"]),
)
def test_any_model_and_body_is_signed_right(model: str, body: bytes, query: str) -> None:
    target = f"/model/{model}/invoke{query}".encode()
    if "/../" in target.decode() or "/./" in target.decode():
        return  # such a path is refused long before

    async def run() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
            assert wrong(await sent(replace(REQUEST, target=target, body=body))) == ""

    asyncio.run(run())


async def test_a_profile_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        f"[bedrock]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = {SECRET}\n"
    )
    out = await sent(replace(REQUEST, signing=Signing("bedrock", "eu-west-1", "bedrock")))
    assert wrong(out) == ""
    assert b"Credential=AKIDPROFILE/" in dict(out.headers)[b"authorization"]


@pytest.mark.parametrize("profile", ["", "no-such-profile"])
async def test_without_a_credential_nothing_is_sent(profile: str) -> None:
    inner = Keeping()
    with pytest.raises(UpstreamError) as caught:
        await SigningUpstream(inner).send(replace(REQUEST, signing=Signing("bedrock", "us-east-1", profile)))
    assert caught.value.fault is Fault.CREDENTIAL
    assert Fault.CREDENTIAL in NOTHING_SENT
    assert inner.sent == []


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.mark.usefixtures("environment")
async def test_a_streamed_body_is_signed_whole() -> None:
    out = await sent(replace(REQUEST, body=pieces(b"ab", b"c"), body_length=3))
    assert (out.body, out.body_length, wrong(out)) == (b"abc", None, "")


@pytest.mark.usefixtures("environment")
async def test_a_streamed_body_has_a_limit() -> None:
    with pytest.raises(UpstreamError) as caught:
        await sent(replace(REQUEST, body=pieces(b"a" * STREAMED_BYTES_MAX, b"b")))
    assert caught.value.fault is Fault.BODY_SOURCE


async def broken() -> AsyncIterator[bytes]:
    yield b"a"
    raise ConnectionError("gone")


@pytest.mark.usefixtures("environment")
async def test_a_streamed_body_that_breaks_off_is_told_as_such() -> None:
    with pytest.raises(UpstreamError) as caught:
        await sent(replace(REQUEST, body=broken()))
    assert caught.value.fault is Fault.BODY_SOURCE


def test_the_library_is_imported_when_it_is_needed() -> None:
    """A gateway that signs nothing has no botocore in memory."""
    source = Path(signing_botocore.__file__).read_text()
    assert not any(line.startswith(("import botocore", "from botocore")) for line in source.splitlines())
