"""What costs nothing is known by its name, wherever a budget is asked or summed."""

import pkgutil
from importlib import import_module

import proxy.dialects
from proxy.dialects.dialect import Operation
from proxy.policy.operations import FREE, OPERATIONS, SUBMIT


def test_an_operation_is_free_where_its_dialect_says_it_has_no_price() -> None:
    free, priced = set[str](), set[str]()
    for module in pkgutil.iter_modules(proxy.dialects.__path__):
        for found in vars(import_module(f"proxy.dialects.{module.name}")).values():
            if isinstance(found, Operation):
                (priced if found.priced else free).add(found.name)
    assert free - {SUBMIT} <= FREE
    assert not priced & FREE
    assert {*OPERATIONS} >= FREE
