import structlog
from hypothesis import given
from hypothesis import strategies as st

from proxy.adapters.clock import SystemClock


class Machine:
    """A machine whose wall clock can be set."""

    def __init__(self):
        self.wall_ns, self.monotonic_ns = 10**18, 0

    def clock(self):
        return SystemClock(lambda: self.wall_ns, lambda: self.monotonic_ns)

    def pass_us(self, microseconds, set_by_us=0):
        self.monotonic_ns += microseconds * 1000
        self.wall_ns += (microseconds + set_by_us) * 1000


@given(st.lists(st.tuples(st.integers(0, 10**7), st.sampled_from([0, 0, -(10**9), 10**6, -(10**6)]))))
def test_time_never_runs_backwards(steps):
    machine = Machine()
    clock = machine.clock()
    times = [clock.now_us()]
    for passed_us, set_by_us in steps:
        machine.pass_us(passed_us, set_by_us)
        times.append(clock.now_us())
    assert times == sorted(times)


def test_it_is_the_machine_s_time():
    machine = Machine()
    clock = machine.clock()
    machine.pass_us(1_500_000)
    assert clock.now_us() == 10**15 + 1_500_000
    assert clock.monotonic_us() == 1_500_000


def test_set_back_it_goes_on_at_half_speed_until_the_machine_has_caught_up():
    machine = Machine()
    clock = machine.clock()
    machine.pass_us(0, set_by_us=-1000)
    readings = []
    for _ in range(4):
        machine.pass_us(600)
        readings.append(clock.now_us() - 10**15)
    assert readings == [300, 600, 800, 1400]


def test_how_far_it_is_ahead_is_told_until_the_machine_has_caught_up():
    machine = Machine()
    clock = machine.clock()
    machine.pass_us(0, set_by_us=-3_000_000)
    assert clock.ahead_us() == 3_000_000
    machine.pass_us(2_000_000)
    assert clock.ahead_us() == 2_000_000
    machine.pass_us(4_000_000)
    assert clock.ahead_us() == 0


def test_set_forward_it_follows():
    machine = Machine()
    clock = machine.clock()
    machine.pass_us(5, set_by_us=3_600_000_000)
    assert clock.now_us() == 10**15 + 3_600_000_005
    assert clock.ahead_us() == 0


def test_a_clock_that_is_set_is_told_of_once_and_one_that_is_kept_right_is_not():
    machine = Machine()
    clock = machine.clock()
    with structlog.testing.capture_logs() as logs:
        for set_by_us in (0, 300_000, -300_000, -7_000_000, 0, 0, 60_000_000, 0):
            machine.pass_us(1000, set_by_us)
            clock.now_us()
    assert [(each["by_s"], each["log_level"]) for each in logs] == [(-7.0, "warning"), (60.0, "warning")]
