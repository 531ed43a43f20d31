from proxy.settings import proxies_from_environ


def test_proxies_are_read_in_either_case_and_the_lower_one_wins() -> None:
    environ = {"HTTP_PROXY": "http://a", "http_proxy": "http://b", "HTTPS_PROXY": " http://c ", "NO_PROXY": "x,y"}
    assert proxies_from_environ(environ) == {"http": "http://b", "https": "http://c", "no": "x,y"}


def test_what_is_empty_is_not_said() -> None:
    assert proxies_from_environ({"http_proxy": "", "HTTPS_PROXY": "  ", "ALL_PROXY": ""}) == {}
