"""Notices over a real HTTP endpoint and a real mail server, both on loopback."""

import logging
import socketserver
from collections.abc import Iterator

import pytest

from proxy.adapters.notices_apprise import AppriseSender
from proxy.ports.notices import TEXT_CHARS_MAX, Notice, NotSentError
from tests.servers.webhook import Webhook, serving, webhook

# Apprise imports modules of Python that later versions take away, and says so in warnings.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NOTICE = Notice("unpriced_model", "unpriced_model:1", "No price for m-1", "The model m-1 has no known price.")

CANARY = "canary0000000000000token"


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as server:
        yield server


def test_a_webhook_gets_title_and_text(hook: Webhook) -> None:
    AppriseSender().send(hook.address(), NOTICE)
    (got,) = hook.got
    assert (got["title"], got["message"]) == (NOTICE.title, NOTICE.text)


def test_a_text_goes_as_it_is_and_within_its_limit(hook: Webhook) -> None:
    text = "a_*b*_ <c> & {d} $(e) `f`\nline " + "x" * TEXT_CHARS_MAX
    AppriseSender().send(hook.address(), Notice("policy_mistakes", "k", "t", text))
    assert hook.got[0]["message"] == text[:TEXT_CHARS_MAX]


def test_an_answer_of_500_is_no_delivery(hook: Webhook) -> None:
    with pytest.raises(NotSentError):
        AppriseSender().send(hook.address("broken"), NOTICE)
    assert len(hook.got) == 1


def test_a_service_that_is_silent_is_given_up(hook: Webhook) -> None:
    with pytest.raises(NotSentError):
        AppriseSender(timeout_s=0.2).send(hook.address("silent"), NOTICE)


def test_a_service_that_is_down_is_no_delivery(hook: Webhook) -> None:
    there = hook.address()
    hook.shutdown()
    hook.server_close()
    with pytest.raises(NotSentError):
        AppriseSender().send(there, NOTICE)


@pytest.mark.parametrize("url", ["", "nonsense", "nonsense://x", "syslog://", "SYSLOG://", "dbus://", "json://"])
def test_an_address_that_tells_nobody_is_said_without_repeating_it(url: str) -> None:
    with pytest.raises(NotSentError) as raised:
        AppriseSender().send(url, NOTICE)
    assert not url or url not in str(raised.value)


def test_a_chat_that_takes_what_slack_takes_gets_title_and_text(hook: Webhook) -> None:
    """Mattermost takes Slack's form of message, at an address of one's own."""
    AppriseSender().send(f"mmost://127.0.0.1:{hook.server_address[1]}/{CANARY}", NOTICE)
    (got,) = hook.got
    assert NOTICE.title in got["text"]
    assert NOTICE.text in got["text"]


@pytest.mark.parametrize("path", ["ok", "broken", "silent"])
def test_no_log_and_no_error_holds_a_part_of_the_address(
    hook: Webhook, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    port = hook.server_address[1]
    caplog.set_level(logging.DEBUG)
    said = ""
    for url in (f"json://alice:{CANARY}@127.0.0.1:{port}/{path}/{CANARY}?x={CANARY}", f"mmost://127.0.0.1:1/{CANARY}"):
        try:
            AppriseSender(timeout_s=0.2).send(url, NOTICE)
        except NotSentError as error:
            said += f"{error!r} {error.__cause__!r}"
    assert "could not be reached" in said
    assert CANARY not in said
    assert CANARY not in caplog.text


class Mail(socketserver.StreamRequestHandler):
    """The least of RFC 5321 that takes a message."""

    def handle(self) -> None:
        self.say("220 ready")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"DATA":
                self.say("354 go on")
                self.server.got.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
                self.say("250 kept")
            elif word == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


def test_a_mail_arrives() -> None:
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail)
    server.got = []
    with serving(server):
        port = server.server_address[1]
        AppriseSender().send(
            f"mailto://127.0.0.1:{port}?from=outlay@example.com&to=alice@example.com&smtp=127.0.0.1", NOTICE
        )
    (mail,) = server.got
    assert "To: alice@example.com" in mail
    assert NOTICE.title in mail
