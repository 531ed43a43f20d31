import pytest

from proxy.cli.login_file import FILE, Login, LoginFileError, forget_login, read_login, write_login


def test_a_login_is_remembered_for_this_user_alone_and_can_be_forgotten(tmp_path):
    folder = tmp_path / "config" / "outlay"
    assert read_login(folder) is None
    for login in (Login("https://a:4142", "outlay_1"), Login("https://b:4142", "outlay_2")):
        path = write_login(folder, login)
        assert read_login(folder) == login
        assert path.stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o077 == 0
    assert [each.name for each in folder.iterdir()] == [FILE]
    assert forget_login(folder)
    assert not forget_login(folder)
    assert read_login(folder) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"url": "x"}', "null"])
def test_a_file_that_is_none_is_named_with_the_way_out(tmp_path, content):
    (tmp_path / FILE).write_text(content)
    with pytest.raises(LoginFileError, match="outlay login"):
        read_login(tmp_path)
