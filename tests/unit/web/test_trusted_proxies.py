import pytest

from proxy.model.network import address, networks
from proxy.web.trusted_proxies import TrustedProxies

NEAR, FAR = "10.1.2.3", "203.0.113.9"


async def seen(headers, peer=NEAR, trusted="10.0.0.0/8"):
    """The scope that the application gets."""
    got = []

    async def application(scope, receive, send):
        got.append(scope)

    scope = {"type": "http", "scheme": "http", "client": (peer, 999), "headers": headers}
    await TrustedProxies(application, networks(trusted))(scope, None, None)
    return got[0]


FORWARDED = [
    (b"accept", b"*/*"),
    (b"x-forwarded-for", FAR.encode()),
    (b"x-forwarded-proto", b"https"),
    (b"x-forwarded-port", b"443"),
    (b"x-real-ip", FAR.encode()),
    (b"forwarded", b"for=203.0.113.9"),
]


async def test_a_trusted_proxy_says_who_the_client_is_and_leaves_no_trace():
    scope = await seen(FORWARDED)
    assert (scope["client"], scope["scheme"]) == ((FAR, 0), "https")
    assert scope["headers"] == [(b"accept", b"*/*")]


async def test_nobody_else_is_believed_and_own_headers_pass():
    scope = await seen(FORWARDED, peer=FAR)
    assert (scope["client"], scope["scheme"], scope["headers"]) == ((FAR, 999), "http", FORWARDED)


@pytest.mark.parametrize(
    ("said", "client"),
    [
        ([b"198.51.100.1, 203.0.113.9"], FAR),
        ([b"198.51.100.1", b"203.0.113.9, 10.9.9.9"], FAR),
        ([b"203.0.113.9:4711"], FAR),
        ([b"[2001:db8::1]:443"], "2001:db8::1"),
        ([b"::ffff:203.0.113.9"], FAR),
        ([b"10.0.0.1"], "10.0.0.1"),
        ([b"nonsense, 10.0.0.7"], "10.0.0.7"),
        ([b"203.0.113.9, nonsense"], NEAR),
        ([b""], NEAR),
        ([b"\xff\xfe"], NEAR),
        ([], NEAR),
    ],
)
async def test_the_client_is_the_nearest_hop_that_is_not_trusted(said, client):
    scope = await seen([(b"x-forwarded-for", value) for value in said])
    assert scope["client"][0] == client


def test_networks_are_read_with_their_mistakes_named():
    assert [str(each) for each in networks(" 10.0.0.0/8, 192.0.2.7 ,2001:db8::/32,")] == [
        "10.0.0.0/8",
        "192.0.2.7/32",
        "2001:db8::/32",
    ]
    with pytest.raises(ValueError, match=r"'10.0.0.0/33' is no IP address or network"):
        networks("10.0.0.0/33")


def test_an_unknown_word_is_no_address():
    assert address("unknown") is None
