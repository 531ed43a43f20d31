import pytest
import typer

from proxy.cli.connection import address, ask, key_like
from proxy.settings import Settings


@pytest.mark.parametrize("url", ["https://outlay.example.com:4142", "http://127.0.0.1:4142", "http://[::1]:4142/base"])
def test_addresses_of_a_control_plane(url):
    assert address(url)


@pytest.mark.parametrize(
    "url",
    ["foo", "ftp://x", "http://", "http://[bad", "http://host:port", "http://a b", "http://u:p@x", "http://x/?y", ""],
)
def test_what_is_no_address_is_said_before_it_is_tried(url, tmp_path, capsys):
    assert not address(url)
    if url:
        with pytest.raises(typer.Exit) as ended:
            ask(Settings(url=url, key="outlay_x", data=tmp_path), "/v1/reports/spend", [])
        assert ended.value.exit_code == 2
        assert f"OUTLAY_URL is {url.rstrip('/')}" in capsys.readouterr().err


def test_a_key_copied_with_its_ellipsis_is_told_and_not_a_traceback(tmp_path, capsys):
    assert not key_like("outlay_…")
    with pytest.raises(typer.Exit):
        ask(Settings(url="http://127.0.0.1:1", key="outlay_…", data=tmp_path), "/v1/reports/spend", [])
    assert "OUTLAY_KEY is no outlay key" in capsys.readouterr().err


def test_a_data_folder_that_is_named_is_asked_whatever_server_is_known(tmp_path, capsys):
    with pytest.raises(typer.Exit):
        ask(Settings(url="http://127.0.0.1:1", key="outlay_x", data=tmp_path), "/v1/reports/spend", [], here=True)
    assert f"there is no data in {tmp_path}" in capsys.readouterr().err
