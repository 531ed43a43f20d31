from typer.testing import CliRunner

from proxy.__main__ import app


def test_without_a_terminal_the_key_is_what_is_piped_in_and_nobody_is_asked(tmp_path):
    run = CliRunner(env={"XDG_CONFIG_HOME": str(tmp_path), "OUTLAY_URL": "", "OUTLAY_KEY": ""})
    empty = run.invoke(app, ["login", "http://127.0.0.1:1"], input="")
    assert (empty.exit_code, empty.stdout) == (2, "")
    assert "no key was given: type it on a terminal, or pipe it in with --key-stdin" in empty.stderr
    other = run.invoke(app, ["login", "http://127.0.0.1:1"], input="outlay_…\n")
    assert (other.exit_code, other.stdout) == (1, "")
    assert "that is no outlay key" in other.stderr
