"""Message batches: the splice that leads clients to results through the gateway, and nothing else changed."""

import json

import pytest

from proxy.dialects.anthropic_batches import BATCHES, EDIT, SUBMIT, meter
from proxy.dialects.dialect import SUBMITTED
from proxy.dialects.meters import ANSWER_BYTES_MAX

URL = "https://api.anthropic.com/v1/messages/batches/msgbatch_1/results"
PATH = "/v1/messages/batches/msgbatch_1/results"


def through(operation, data, step=7):
    metering = meter(operation)
    out = b"".join(metering.feed(data[at : at + step]) for at in range(0, len(data), step)) + metering.finish()
    return out, metering.reading()


def a_batch(**fields):
    return {"id": "msgbatch_1", "type": "message_batch", "results_url": URL, **fields}


@pytest.mark.parametrize("step", [1, 7, 10_000])
@pytest.mark.parametrize("spaces", [(",", ":"), (", ", ": ")])
def test_the_origin_is_taken_off_and_every_other_byte_stays(spaces, step):
    data = json.dumps(
        {"data": [a_batch(), a_batch(results_url=None)], "more": "☃ https://x"}, separators=spaces
    ).encode()
    assert through(BATCHES, data, step)[0] == data.replace(URL.encode(), PATH.encode())


@pytest.mark.parametrize("url", [None, "", PATH, "https://api.anthropic.com", "ftp://x/y"])
def test_what_is_no_address_of_results_stays(url):
    data = json.dumps(a_batch(results_url=url)).encode()
    assert through(BATCHES, data)[0] == data


def test_escaped_slashes_are_read_too():
    data = json.dumps(a_batch()).replace("/", "\\/").encode()
    out = through(BATCHES, data)[0]
    assert json.loads(out)["results_url"] == PATH


def test_a_submission_names_its_batch():
    assert through(SUBMIT, json.dumps(a_batch()).encode())[1].names == {"msgbatch_1": SUBMITTED}
    assert through(BATCHES, json.dumps(a_batch()).encode())[1].names == {}


def test_what_is_too_long_to_be_held_back_passes_as_it_is():
    data = json.dumps(a_batch(more="x" * ANSWER_BYTES_MAX)).encode()
    assert through(BATCHES, data, 1_000_000)[0] == data


def test_what_is_no_json_passes():
    assert through(SUBMIT, b"oops")[0] == b"oops"


def test_the_operations_announce_the_splice():
    assert BATCHES.answer_edit == SUBMIT.answer_edit == EDIT
