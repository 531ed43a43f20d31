"""The grants in force, between the ledger that writes them and the gateways that watch the file."""

import asyncio
import json
from pathlib import Path

import pytest

from proxy.adapters.grants_file import FILE, GrantsFile, write_grants
from proxy.policy.grants import Grant
from proxy.policy.rules import Unit
from tests.unit.policy.test_grants import BUDGET

GRANT = Grant("gr_1", "month", ("alice", "é\u202e"), Unit.TOKENS, 2**62, 10, 20)


def test_what_is_written_is_taken_up_whole(tmp_path: Path) -> None:
    file = GrantsFile(tmp_path)
    assert not file.look()
    write_grants(tmp_path, [GRANT])
    assert file.look()
    assert file.current._by_account == {("month", ("alice", "é\u202e")): [GRANT]}
    assert not file.look()
    write_grants(tmp_path, [])
    assert file.look()
    assert len(file.current) == 0


@pytest.mark.parametrize(
    "content", ["", "{", '{"v":2,"grants":[]}', '{"v":1,"grants":[{"id":1}]}', "[]", '{"x":' + "[" * 5000]
)
def test_a_file_that_cannot_be_read_changes_nothing(tmp_path: Path, content: str) -> None:
    write_grants(tmp_path, [GRANT])
    file = GrantsFile(tmp_path)
    file.look()
    (tmp_path / FILE).write_text(content)
    assert not file.look()
    assert len(file.current) == 1
    write_grants(tmp_path, [])
    assert file.look()


def test_a_file_that_is_gone_ends_nothing_before_its_time(tmp_path: Path) -> None:
    write_grants(tmp_path, [GRANT])
    file = GrantsFile(tmp_path)
    file.look()
    (tmp_path / FILE).unlink()
    assert not file.look()
    assert len(file.current) == 1


def test_it_is_for_this_user_alone_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    write_grants(tmp_path, [GRANT])
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert json.loads((tmp_path / FILE).read_text())["v"] == 1


async def test_a_gateway_knows_of_a_grant_once_it_looks_again(tmp_path: Path) -> None:
    file = GrantsFile(tmp_path, look_s=0.01)
    told = asyncio.Event()
    watch = asyncio.create_task(file.watch(told.set))
    grant = Grant("gr_2", "month", ("alice",), Unit.USD, 7, 0, 100)
    write_grants(tmp_path, [grant])
    try:
        async with asyncio.timeout(60):
            await told.wait()
        assert file.current.granted(BUDGET, ("alice",), 50) == 7
    finally:
        watch.cancel()
        await asyncio.wait([watch])
