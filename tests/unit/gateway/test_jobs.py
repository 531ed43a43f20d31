"""Jobs at a gateway: one settlement of each work, of the call that submitted it, with the price of a batch."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.dialect import RESULTS_OF, SUBMITTED, UPLOADED, Job, Reading, Source
from proxy.gateway.jobs import NAMES_MAX, JobMemory, job_id
from proxy.gateway.rules import Rules
from proxy.model.entry import Cost
from proxy.model.usage import KINDS, Served, Usage
from proxy.policy.types import PolicySet
from tests.fakes.facts import OPENED_US, a_call
from tests.fakes.prices import by_bound

NOW_US = OPENED_US + 9_000_000
SUBMITTER = a_call("call_s", owner="alice", project="search", opened_us=OPENED_US - 1)
POLLER = a_call("call_p", owner="bob", project="checkout")


class LongerIsDearer:
    """Fulfils ports.prices.Prices: a token costs as many pico-dollars as its prompt has tokens."""

    def cost(self, provider, model, at_us, usage, served, prompt_tokens=None):
        rate = usage.prompt_tokens if prompt_tokens is None else prompt_tokens
        kinds = {kind: getattr(usage, kind) * rate for kind in KINDS if getattr(usage, kind)}
        return Cost(sum(kinds.values()), kinds, f"by {rate}", unpriced=rate > 100)

    bound = cost
    bound_of_text = by_bound


RULES = Rules(PolicySet("v"), LongerIsDearer())


def a_job(**given):
    plain = {
        "work": "file-1",
        "source": Source.OBJECT,
        "batch": "batch_1",
        "served": Served(model="gpt-4o", service_tier="batch"),
        "usages": ((2, Usage(input_text=10)),),
    }
    return Job(**(plain | given))


def reading(*jobs, **names):
    named = {name.replace("file1", "file-1"): what for name, what in names.items()}
    return Reading(
        None, final=False, served=Served(), complete=True, failed=False, output_bytes=0, jobs=jobs, names=named
    )


def settle(memory, *jobs, call=POLLER, **names):
    read = reading(*jobs, **names)
    memory.hear(call, read)
    entries = memory.settlements(call, read, RULES, NOW_US)
    memory.settled(entries)
    return entries


def test_a_job_is_the_submitters_not_the_pollers():
    memory = JobMemory()
    settle(memory, call=SUBMITTER, batch_1=SUBMITTED)
    (entry,) = settle(memory, a_job(created_us=OPENED_US - 77))
    assert (entry.call.owner, entry.call.project, entry.call.operation) == ("alice", "search", "batch")
    assert (entry.call.opened_us, entry.settled_us, entry.call.model) == (OPENED_US - 77, NOW_US, "gpt-4o")
    assert entry.names == {"file-1": RESULTS_OF + "batch_1"}
    assert entry.served.request_id == "file-1"


def test_without_its_submission_it_is_the_pollers_and_says_so():
    (entry,) = settle(JobMemory(), a_job())
    assert (entry.call.owner, entry.call.operation) == ("bob", "batch_polled")


def test_a_clock_ahead_of_ours_puts_no_job_into_the_future():
    (entry,) = settle(JobMemory(), a_job(created_us=NOW_US + 10**9))
    assert entry.call.opened_us == NOW_US


def test_a_job_is_told_once_by_whichever_source_comes_first():
    memory = JobMemory()
    models = [a_job(source=Source.RESULTS, served=Served(model=name)) for name in ("a", "b")]
    assert len(settle(memory, *models)) == 2
    assert settle(memory, a_job()) == []
    assert settle(memory, *models) == []


def test_a_job_whose_line_was_not_written_comes_up_again():
    memory = JobMemory()
    read = reading(a_job())
    assert memory.settlements(POLLER, read, RULES, NOW_US)
    assert memory.settlements(POLLER, read, RULES, NOW_US)


@pytest.mark.parametrize(("named", "counts"), [({}, False), ({"file1": RESULTS_OF + "batch_1"}, True)])
def test_what_only_looks_like_results_counts_where_a_batch_named_it(named, counts):
    memory = JobMemory()
    settle(memory, call=SUBMITTER, batch_1=SUBMITTED)
    settle(memory, **named)
    entries = settle(memory, a_job(source=Source.RESULTS, batch="", proven=False))
    assert [entry.call.owner for entry in entries] == (["alice"] if counts else [])


def test_a_file_that_a_caller_uploaded_is_nobodys_result():
    memory = JobMemory()
    settle(memory, call=SUBMITTER, file1=UPLOADED)
    assert settle(memory, a_job(source=Source.RESULTS, batch="")) == []


def test_accounts_are_kept_apart():
    memory = JobMemory()
    settle(memory, call=SUBMITTER, batch_1=SUBMITTED)
    (entry,) = settle(memory, a_job(), call=replace(POLLER, account="other"))
    assert entry.call.owner == "bob"
    assert entry.call.id != settle(memory, a_job())[0].call.id


def test_each_length_of_prompt_has_its_own_price():
    (entry,) = settle(JobMemory(), a_job(usages=((2, Usage(input_text=10)), (300, Usage(input_text=5, output_text=1)))))
    assert entry.usage == Usage(input_text=15, output_text=1)
    assert entry.cost.by_kind == {"input_text": 10 * 2 + 5 * 300, "output_text": 300}
    assert entry.cost.total_pico == sum(entry.cost.by_kind.values())
    assert (entry.cost.price_id, entry.cost.unpriced) == ("by 2 by 300", True)


def test_a_name_is_told_once_and_no_line_tells_too_many():
    memory = JobMemory()
    many = reading(**{f"file_{n}": UPLOADED for n in range(NAMES_MAX + 5)})
    first = memory.hear(SUBMITTER, many)
    assert len(first) == NAMES_MAX
    rest = memory.hear(SUBMITTER, many)
    assert {**first, **rest} == many.names
    assert memory.hear(SUBMITTER, many) == {}


def test_memory_has_a_bound():
    memory = JobMemory(kept_max=3)
    for number in range(10):
        settle(memory, call=SUBMITTER, **{f"batch_{number}": SUBMITTED})
    (old,) = settle(memory, a_job(batch="batch_1", work="w1"))
    (new,) = settle(memory, a_job(batch="batch_9", work="w9"))
    assert (old.call.operation, new.call.operation) == ("batch_polled", "batch")


@given(st.text(), st.text(), st.sampled_from(Source), st.text())
def test_the_id_of_a_job_is_made_of_the_work_alone_and_fits_a_line(account, work, source, model):
    job = a_job(work=work, source=source, served=Served(model=model), batch="whatever", usages=())
    same = replace(job, batch="", created_us=5, usages=((0, Usage(input_text=1)),))
    assert job_id(account, job) == job_id(account, same)
    assert len(job_id(account, job)) == len("job_") + 32 + 1 + 16
    assert job_id(account, replace(job, work=work + "x"))[:36] != job_id(account, job)[:36]
