"""POST /v1/database/copy: the database as of one moment, as a file. On the ledger's socket only: it is for backups."""

import asyncio
from pathlib import Path
from typing import Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from proxy.ports.store import Store
from proxy.web.control_answers import json_answer
from proxy.web.control_errors import BusyError
from proxy.web.request_body import ClientGoneError, TooLargeError, TooSlowError, read_whole

COPY_S: Final = 4 * 3600.0
"""The longest that one may take."""
BODY_BYTES_MAX: Final = 64 * 1024
BODY_S_MAX: Final = 5.0


class _Asked(msgspec.Struct):
    file: str


class DatabaseCopy:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._one = asyncio.Lock()

    async def make(self, request: Request) -> Response:
        """The file must not be there yet. Raises HTTPException, BusyError, QueryTimeoutError, StoreError."""
        try:
            body = await read_whole(request.receive, None, BODY_BYTES_MAX, lambda _: None, BODY_S_MAX)
            file = Path(msgspec.json.decode(body, type=_Asked).file)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TooLargeError, TooSlowError, ClientGoneError):
            raise HTTPException(400, 'Say which file, as {"file": PATH}.') from None
        if not file.is_absolute() or await asyncio.to_thread(file.exists):
            raise HTTPException(400, "The file must be an absolute path where nothing is yet.")
        if self._one.locked():
            raise BusyError
        async with self._one:
            await asyncio.to_thread(self._store.copy, file, COPY_S)
        return json_answer({"file": str(file)})
