import ssl

import certifi
import pytest
from yarl import URL

from proxy.adapters.egress import ProxyError, proxy_for, trusted
from proxy.adapters.transport_aiohttp import AiohttpTransport

PROXY = "http://proxy.test:3128"


@pytest.mark.parametrize(
    ("origin", "proxies", "expected"),
    [
        ("https://api.test", {}, None),
        ("https://api.test", {"http": PROXY}, None),
        ("https://api.test", {"https": PROXY}, PROXY),
        ("http://api.test", {"https": PROXY}, None),
        ("http://api.test", {"all": PROXY}, PROXY),
        ("https://api.test", {"all": "http://other.test", "https": PROXY}, PROXY),
        ("https://api.test", {"https": "proxy.test:3128"}, PROXY),
        ("https://api.test", {"https": ""}, None),
        ("http://localhost:8000", {"all": PROXY}, None),
        ("http://127.0.0.1:8000", {"all": PROXY}, None),
        ("http://127.9.9.9", {"all": PROXY}, None),
        ("http://[::1]:8000", {"all": PROXY}, None),
        ("http://192.168.0.1", {"all": PROXY}, PROXY),
    ],
)
def test_the_environment_says_which_proxy(origin: str, proxies: dict[str, str], expected: str | None) -> None:
    assert proxy_for(URL(origin), proxies) == (URL(expected) if expected else None)


@pytest.mark.parametrize(
    ("exemptions", "origin", "exempt"),
    [
        ("*", "https://api.test", True),
        ("api.test", "https://api.test", True),
        ("API.test", "https://api.TEST", True),
        ("api.test", "https://eu.api.test", True),
        (".api.test", "https://eu.api.test", True),
        (".api.test", "https://api.test", True),
        ("*.api.test", "https://eu.api.test", True),
        ("api.test", "https://notapi.test", False),
        ("a.test, api.test ,b.test", "https://api.test", True),
        ("", "https://api.test", False),
        (",,", "https://api.test", False),
        ("api.test:443", "https://api.test", True),
        ("api.test:8443", "https://api.test", False),
        ("api.test:8443", "https://api.test:8443", True),
        ("10.0.0.0/8", "http://10.1.2.3", True),
        ("10.0.0.0/8", "http://11.1.2.3", False),
        ("10.1.2.3", "http://10.1.2.3:8000", True),
        ("fd00::/8", "http://[fd00::1]", True),
        ("fd00::1", "http://[fd00::1]", True),
        ("[fd00::1]:8000", "http://[fd00::1]:8000", True),
        ("[fd00::1]:8000", "http://[fd00::1]:9000", False),
        ("10.0.0.0/99", "http://10.1.2.3", False),
    ],
)
def test_exemptions(exemptions: str, origin: str, exempt: bool) -> None:
    assert (proxy_for(URL(origin), {"all": PROXY, "no": exemptions}) is None) is exempt


@pytest.mark.parametrize("address", ["socks5://alice:secret@proxy.test:1080", "http://", "http://alice:secret@p:99999"])
def test_a_proxy_that_can_not_be_used_is_told_at_once_without_its_credential(address: str) -> None:
    with pytest.raises(ProxyError) as caught:
        AiohttpTransport(proxies={"all": address})
    assert "proxy" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_machine_with_certificates_is_taken_at_its_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    assert trusted() is True


def test_a_machine_without_certificates_trusts_what_the_package_brings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", f"{tmp_path}/none.pem")
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    context = trusted()
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.cert_store_stats()["x509_ca"] > 100
