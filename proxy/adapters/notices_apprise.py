"""Notices by Apprise: chats, webhooks, e-mail and about a hundred other services behind one form of address."""

import logging
from typing import Any, Final

from proxy.ports.notices import TEXT_CHARS_MAX, Notice, NotSentError

TIMEOUT_S: Final = 10.0
"""For connecting, and for each silence within an answer."""
SCHEMES_FORBIDDEN: Final = frozenset(
    ("blink1", "dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows")
)
"""What would act on the ledger's own machine in place of telling somebody."""


class AppriseSender:
    """Fulfils ports.notices.Sender."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s

    def send(self, address: str, notice: Notice) -> None:
        # Imported here: 25 MiB and 0.2 s, for nothing where no target is set.
        import apprise  # noqa: PLC0415

        # Their log lines may hold what a service answered, addresses with their tokens too.
        for talkative in ("apprise", "urllib3"):
            logging.getLogger(talkative).setLevel(logging.CRITICAL)
        asset = apprise.AppriseAsset(
            app_id="outlay",
            app_desc="outlay",
            app_url="",
            async_mode=False,
            secure_logging=True,
            storage_mode="memory",
            pem_autogen=False,
            pgp_autogen=False,
        )
        service = self._service(apprise, address, asset)
        sent = service.notify(body=notice.text[:TEXT_CHARS_MAX], title=notice.title, notify_type="warning")
        if not sent:
            raise NotSentError("the service could not be reached, or refused it")

    def _service(self, apprise: Any, address: str, asset: Any) -> Any:
        if address.partition(":")[0].lower() in SCHEMES_FORBIDDEN:
            raise NotSentError("the address is for this machine, not for somebody to be told")
        service = apprise.Apprise.instantiate(address, asset=asset)
        if service is None:
            raise NotSentError("the address is no Apprise URL that can be used")
        service.socket_connect_timeout = service.socket_read_timeout = self._timeout_s
        return service
