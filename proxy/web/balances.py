"""POST /v1/balances: what gateways of this machine ask before they enforce a budget. On the ledger's socket only."""

from collections.abc import Callable
from typing import Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from proxy.ledger.balances import TooManyAccountsError, balances
from proxy.ledger.dimensions import UnknownDimensionError
from proxy.ports.balances import AskedBudget, Known, Place
from proxy.web.control_answers import json_answer
from proxy.web.control_reading import Desk
from proxy.web.request_body import ClientGoneError, TooLargeError, TooSlowError, read_whole

BODY_BYTES_MAX: Final = 4 * 1024 * 1024
BODY_S_MAX: Final = 5.0


class Question(msgspec.Struct):
    node: str
    since: Place
    budgets: list[AskedBudget]


_QUESTION: Final = msgspec.json.Decoder(Question)


class BalancesEndpoint:
    def __init__(self, desk: Desk, complete: Callable[[], bool] = lambda: True) -> None:
        """`complete`: whether everything up to the start is loaded. Before, sums would be too small."""
        self._desk = desk
        self._complete = complete

    async def answer(self, request: Request) -> Response:
        """Raises HTTPException, BusyError, QueryTimeoutError, StoreError."""
        if not self._complete():
            raise HTTPException(503, "What was written before the start is still being loaded.")
        try:
            body = await read_whole(request.receive, None, BODY_BYTES_MAX, lambda _: None, BODY_S_MAX)
            asked = _QUESTION.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TooLargeError, TooSlowError, ClientGoneError):
            raise HTTPException(400, "This is no question about balances.") from None
        try:
            known = await self._desk.read(
                lambda store, timeout_s: balances(store, asked.budgets, asked.node, asked.since, timeout_s)
            )
        except (TooManyAccountsError, UnknownDimensionError) as error:
            raise HTTPException(422, str(error)) from None
        return json_answer(_document(known))


def _document(known: Known) -> dict[str, object]:
    """Amounts are decimal strings: sums may be wider than 64 bits."""
    return {
        "accounts": [
            [account.budget, account.instance, account.start_us, str(spent.total), str(spent.own)]
            for account, spent in known.accounts.items()
        ],
        "loaded": [[boot, number, loaded] for (boot, number), loaded in known.loaded.items()],
    }
