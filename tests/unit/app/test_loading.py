import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from proxy.app import loading
from proxy.app.loading import Loading
from proxy.ledger.loader import LoadingStoppedError
from proxy.ports.store import StoreError, StoreLostError


class Passes:
    """A loader whose passes give or raise what it is told, and which then ends the loading."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.task = None

    def run_once(self):
        outcome = self.outcomes.pop(0)
        if not self.outcomes:
            self.task.stop()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def run(*outcomes):
    failures = []
    passes = Passes(*outcomes)

    async def go():
        passes.task = Loading(passes, lambda: failures.append(1), retry_s=0.01)
        async with asyncio.timeout(60):
            await passes.task.run()
        return passes.task

    return asyncio.run(go()), failures, passes.outcomes


def test_passes_follow_each_other_until_it_is_stopped():
    task, failures, left = run(loading.BEHIND_LINES + 1, loading.BEHIND_LINES + 1, 0)
    assert (task.failing, task.fatal, failures, left) == ("", False, [], [])


def test_it_goes_on_while_all_shared_threads_are_busy():
    enough, passes = Event(), Passes(1, 0)

    async def go():
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        passes.task = Loading(passes, lambda: None)
        busy = asyncio.create_task(asyncio.to_thread(enough.wait))
        try:
            async with asyncio.timeout(60):
                await passes.task.run()
        finally:
            enough.set()
            await busy

    asyncio.run(go())
    assert passes.outcomes == []


@pytest.mark.parametrize("error", [StoreError("disk full"), OSError("gone"), ValueError("ours")])
def test_a_pass_that_fails_is_told_and_followed_by_another(error):
    task, failures, left = run(error, 0)
    assert (task.failing, task.fatal, failures, left) == ("", False, [1], [])


@pytest.mark.parametrize("error", [StoreLostError("fatal"), LoadingStoppedError("rejected")])
def test_what_a_further_pass_cannot_mend_ends_the_loading(error):
    task, failures, left = run(error, 0, 0)
    assert task.fatal
    assert type(error).__name__ in task.failing
    assert (failures, left) == ([1], [0, 0])
