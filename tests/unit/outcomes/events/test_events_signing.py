"""Who is believed: every byte of what is signed, two secrets at a time, and only within five minutes."""

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model.told import Trust
from proxy.outcomes.events import argocd, gitlab
from proxy.outcomes.events.receiving import Sender, received
from proxy.outcomes.events.signing import (
    WINDOW_US,
    Unverified,
    Verified,
    has_token,
    sign,
    verified_by_hub,
    verified_by_outlay,
    verified_by_standard,
)
from tests.fakes import deliveries
from tests.fakes.deliveries import NOW_US, SECRET, TOKEN, Sent

SIGNED = {
    "github": deliveries.github("push", deliveries.push()),
    "gitlab": deliveries.standard(deliveries.gitlab_deployment()),
    "argocd": deliveries.ours("argocd", deliveries.argo()),
    "cdevents": deliveries.ours("cdevents", deliveries.cdevent("service.deployed.0.2.0", "checkout", {})),
    "generic": deliveries.ours("generic", deliveries.generic()),
}
"""All whose signature covers the body."""


def taken(sent: Sent, *secrets: str, now_us: int = NOW_US):
    source = deliveries.services().sources[sent.kind]
    return received(sent.kind, [Sender(source, secrets or (SECRET, TOKEN))], sent.body, sent.headers, now_us)


@pytest.mark.parametrize("kind", SIGNED)
def test_what_is_rightly_signed_is_believed(kind):
    assert not isinstance(taken(SIGNED[kind]), Unverified)


@pytest.mark.parametrize("kind", SIGNED)
@given(st.data())
def test_one_byte_of_another_body_anywhere_is_never_believed(kind, data):
    sent = SIGNED[kind]
    at = data.draw(st.integers(0, len(sent.body) - 1))
    forged = bytearray(sent.body)
    forged[at] ^= data.draw(st.integers(1, 255))
    assert isinstance(taken(Sent(sent.kind, bytes(forged), sent.headers)), Unverified)
    shorter = sent.body[:at] + sent.body[at + 1 :]
    assert isinstance(taken(Sent(sent.kind, shorter, sent.headers)), Unverified)


@pytest.mark.parametrize("kind", SIGNED)
@given(st.data())
def test_a_header_that_is_changed_anywhere_is_never_believed(kind, data):
    """Case of hex apart, and what is outside of every signature."""
    sent = SIGNED[kind]
    names = {"x-hub-signature-256", "x-outlay-signature", "webhook-signature", "webhook-id", "webhook-timestamp"}
    name = data.draw(st.sampled_from(sorted(names & sent.headers.keys())))
    value = sent.headers[name]
    at = data.draw(st.integers(0, len(value) - 1))
    put = data.draw(st.characters(codec="latin-1").filter(lambda char: char != value[at] and not char.isspace()))
    forged = value[:at] + put + value[at + 1 :]
    # Base64 has bits at its end that say nothing: what decodes to the same is compared as it is written.
    assert isinstance(taken(Sent(sent.kind, sent.body, {**sent.headers, name: forged})), Unverified)


@pytest.mark.parametrize("kind", SIGNED)
@pytest.mark.parametrize("secrets", [("",), ("another",), ("whsec_",), ("whsec_!!",), ()])
def test_another_secret_or_none_is_never_believed(kind, secrets):
    sender = Sender(deliveries.services().sources[kind], secrets)
    sent = SIGNED[kind]
    assert isinstance(received(sent.kind, [sender], sent.body, sent.headers, NOW_US), Unverified)


@pytest.mark.parametrize("kind", SIGNED)
def test_either_of_two_secrets_will_do_and_nobody_registered_is_nobody(kind):
    sent = SIGNED[kind]
    for secrets in ((SECRET, TOKEN, "old"), ("new", SECRET, TOKEN)):
        assert not isinstance(taken(sent, *secrets), Unverified)
    assert isinstance(received(sent.kind, [], sent.body, sent.headers, NOW_US), Unverified)


@pytest.mark.parametrize("kind", [kind for kind in SIGNED if kind != "github"])
@pytest.mark.parametrize("away_us", [-WINDOW_US, WINDOW_US])
def test_what_says_when_it_was_sent_is_believed_for_five_minutes(kind, away_us):
    beyond = away_us + (1_000_000 if away_us > 0 else -1_000_000)
    assert not isinstance(taken(SIGNED[kind], now_us=NOW_US + away_us), Unverified)
    late = taken(SIGNED[kind], now_us=NOW_US + beyond)
    assert isinstance(late, Unverified)
    assert "5 minutes" in late.why


def test_sha_1_alone_is_refused():
    body = b"{}"
    old = {"x-hub-signature": "sha1=" + hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()}
    refused = verified_by_hub(body, old, [SECRET])
    assert isinstance(refused, Unverified)
    assert "SHA-1" in refused.why
    assert isinstance(verified_by_hub(body, {}, [SECRET]), Unverified)


def test_github_is_taken_as_a_form_too():
    body = b"payload=%7B%22zen%22%3A%22x%22%7D"
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "x-hub-signature-256": signature,
        "x-github-event": "ping",
        "content-type": "application/x-www-form-urlencoded",
    }
    assert not isinstance(taken(Sent("github", body, headers)), Unverified)


def test_gitlabs_plain_token_is_a_claim_and_is_not_asked_where_a_signature_stands():
    body = json.dumps(deliveries.gitlab_deployment()).encode()
    assert gitlab.verify(body, {"x-gitlab-token": SECRET}, [SECRET], NOW_US) == Verified(Trust.CLAIMED)
    assert isinstance(gitlab.verify(body, {"x-gitlab-token": "s"}, [SECRET], NOW_US), Unverified)
    both = {"x-gitlab-token": SECRET, "webhook-signature": "v1,x"}
    assert isinstance(gitlab.verify(body, both, [SECRET], NOW_US), Unverified)


def test_argo_sends_a_token():
    assert argocd.verify(b"", {"authorization": f"Bearer {SECRET}"}, [SECRET], NOW_US) == Verified(Trust.SIGNED)
    for wrong in (f"Basic {SECRET}", "Bearer ", "Bearer x", ""):
        assert isinstance(argocd.verify(b"", {"authorization": wrong}, [SECRET], NOW_US), Unverified)


def test_an_empty_secret_is_none():
    for sent in (
        deliveries.github("push", deliveries.push(), secret=""),
        deliveries.ours("generic", deliveries.generic(), secret=""),
    ):
        assert isinstance(taken(sent, ""), Unverified)


def test_nothing_is_no_token_even_where_a_secret_is_empty():
    assert not has_token("", [""])
    assert not has_token("x", [])
    assert has_token("x", ["", "x"])


def test_a_sender_that_changes_its_secret_may_send_two_signatures():
    body = b"{}"
    old, new = sign("old", body, NOW_US), sign("new", body, NOW_US)
    both = {"x-outlay-signature": f"{old},{new.partition(',')[2]}"}
    assert verified_by_outlay(body, both, ["new"], NOW_US, Trust.SIGNED) == Verified(Trust.SIGNED)
    sent = deliveries.standard({})
    two = {**sent.headers, "webhook-signature": f"v1,AAAA v2,x {sent.headers['webhook-signature']}"}
    assert verified_by_standard(sent.body, two, [TOKEN], NOW_US) == Verified(Trust.SIGNED, "w-1")


def test_the_standards_own_example_is_believed():
    """A signature made by another implementation's rules: HMAC of id.time.body with the decoded key, in base64."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    signature = base64.b64encode(hmac.new(key, b"msg_p5j.1614265330." + body, hashlib.sha256).digest()).decode()
    headers = {"webhook-id": "msg_p5j", "webhook-timestamp": "1614265330", "webhook-signature": f"v1,{signature}"}
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    now_us = 1614265330_000_000
    assert verified_by_standard(body, headers, [secret], now_us) == Verified(Trust.SIGNED, "msg_p5j")


@given(
    st.binary(max_size=300), st.dictionaries(st.sampled_from(sorted(SIGNED["gitlab"].headers)), st.text(max_size=50))
)
def test_whatever_comes_is_refused_without_an_error(body, headers):
    for kind in SIGNED:
        for name in ("x-outlay-signature", "x-hub-signature-256", "authorization", "x-gitlab-token"):
            given = {**headers, name: headers.get("webhook-id", "é\ud800")}
            assert isinstance(taken(Sent(kind, body, given)), Unverified)
