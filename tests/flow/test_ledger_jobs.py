"""Background work in the ledger: once, and for who submitted it, whoever reports it, how often and in which order."""

import itertools
from dataclasses import replace

import pytest

from proxy.dialects.dialect import RESULTS_OF, SUBMITTED, UPLOADED, Job, Source
from proxy.gateway.jobs import job_id
from proxy.journal.codec import encode
from proxy.model.usage import Served, Usage
from tests.fakes import facts
from tests.fakes.segments import MemorySegments
from tests.flow.ledger_world import a_loader, a_store, load, spent

BATCH, FILE = "batch_1", "file-out"


@pytest.fixture
def store(tmp_path):
    with a_store(tmp_path) as store:
        yield store


def submission(call_id="call_submit", batch=BATCH, **call):
    given = {"owner": "bob", "key_id": "k_2", "project": "search", "team": "find", "tags": {"ticket": "S-9"}} | call
    settled = spent(call_id, Usage(), operation="batch_submit", opened_us=facts.OPENED_US - 5_000_000, **given)
    return replace(settled, names={batch: SUBMITTED})


def job(model="gpt-4o", source=Source.OBJECT, work=FILE, batch=BATCH, input_text=1000, account="main", **call):
    told = Job(work, source, batch, Served(model=model, service_tier="batch"), ())
    settled = spent(
        job_id(account, told), Usage(input_text=input_text), operation="batch_polled", account=account, **call
    )
    served = Served(model=model, service_tier="batch", request_id=work)
    return replace(settled, served=served, names={work: RESULTS_OF + batch} if batch else {})


def rows(store):
    return store.read(
        "SELECT owner, project, operation, input_text, opened_us FROM calls WHERE id LIKE 'job_%' ORDER BY ALL"
    )


SUBMITTERS = ("bob", "search", "batch", 1000, facts.OPENED_US - 5_000_000)
POLLERS = ("alice", "checkout", "batch_polled", 1000, facts.OPENED_US)


def test_a_job_costs_once_however_often_it_is_told(store):
    progress = load(store, [submission(), *[job() for _ in range(20)]]).progress
    assert rows(store) == [SUBMITTERS]
    assert progress.quarantined == 0
    assert progress.lines == 21


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_nodes_and_the_order_in_which_they_are_loaded_make_no_difference(store, order):
    told = [[submission()], [job()], [job(owner="carol")], [job(source=Source.RESULTS, batch="")]]
    for place in order:
        load(store, told[place], node=f"n{place}")
    ((owner, *_, tokens, _),) = rows(store)
    assert tokens == 1000
    # Results read first, by a gateway that knows of no batch: whose they are is told by the object that follows.
    assert owner == "bob"


def test_every_dimension_is_that_of_the_submitting_call(store):
    payer = submission(repository="github.com/acme/search", session="s-2", purpose="run", cost_center="CC-7")
    load(store, [payer, job()])
    ((row,),) = store.read("SELECT calls FROM calls WHERE operation = 'batch'")
    call = payer.call
    for name in ("owner", "key_id", "team", "project", "cost_center", "purpose", "session", "repository", "tags"):
        assert row[name] == getattr(call, name), name
    assert (row["cost_pico"], row["service_tier"]) == (1000 * 1_000_003, "batch")


def test_a_job_that_nobody_is_known_to_have_submitted_stands_under_who_asked_and_says_so(store):
    load(store, [job()])
    assert rows(store) == [POLLERS]


def test_a_submission_of_another_account_is_none_of_its_business(store):
    load(store, [submission(account="other"), job()])
    assert rows(store) == [POLLERS]


def test_a_submission_that_is_loaded_after_its_job_still_pays(store):
    load(store, [job()], node="fast")
    load(store, [submission()], node="slow")
    assert rows(store) == [SUBMITTERS]


def test_each_model_of_one_work_counts_and_a_second_source_adds_nothing(store):
    models = [job("gpt-4o", Source.RESULTS), job("gpt-5", Source.RESULTS)]
    load(store, [submission(), *models])
    load(store, [*models, job("gpt-4o-2024-08-06", Source.OBJECT)], node="other")
    assert rows(store) == [SUBMITTERS, SUBMITTERS]


def test_a_file_that_a_caller_uploaded_is_nobodys_result(store):
    upload = replace(spent("call_up", Usage()), names={FILE: UPLOADED})
    load(store, [upload, job(source=Source.RESULTS, batch="")])
    assert rows(store) == []


def test_a_restart_of_the_ledger_between_two_tellings_makes_no_difference(tmp_path):
    segments = MemorySegments()
    for lines in ([submission()], [job()], [job()], [job(source=Source.RESULTS)]):
        segments.write(map(encode, lines), "n")
        with a_store(tmp_path) as store:
            a_loader(store, segments).catch_up()
    with a_store(tmp_path) as store:
        assert rows(store) == [SUBMITTERS]


def test_a_job_line_that_cannot_be_read_is_quarantined_and_the_rest_counts(store):
    segments = MemorySegments()
    bad = encode(job(work="file-bad")).replace(b'"status":200', b'"status":"x"')
    segments.write([encode(submission()), bad, encode(job())], "n")
    loader = a_loader(store, segments)
    loader.run_once()
    assert loader.progress.quarantined == 1
    assert rows(store) == [SUBMITTERS]
