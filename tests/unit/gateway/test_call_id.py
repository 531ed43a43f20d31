from proxy.gateway.call_id import RANDOM_BYTES, Randomness, call_id


def test_ids_sort_by_time_and_differ_by_chance() -> None:
    early = call_id(1_700_000_000_000_000, b"\xff" * RANDOM_BYTES)
    late = call_id(1_700_000_000_001_000, b"\x00" * RANDOM_BYTES)
    assert early < late
    assert call_id(0, b"a" * RANDOM_BYTES) != call_id(0, b"b" * RANDOM_BYTES)
    assert len(early) == len(late) == len("call_") + 32


def test_what_is_random_is_given_once_and_in_whole_pieces() -> None:
    random, other = Randomness(), Randomness()
    given = [random.next() for _ in range(1500)] + [other.next() for _ in range(1500)]
    assert {len(each) for each in given} == {RANDOM_BYTES}
    assert len(set(given)) == 3000
