"""What docs/security.md claims and no other test shows: who may ask what, and where a call can go."""

import ast
import asyncio
import re
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.model.entry import Act
from proxy.web.control_errors import PATHS
from proxy.web.openapi import openapi
from proxy.web.server import unix_socket
from tests.fakes import facts
from tests.flow.control_world import World as ControlWorld
from tests.flow.ledger_world import a_store, load, spent
from tests.flow.world import KEY, World

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
CHAT = b'{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}'

# --- where a call can go


async def sent(world: World, target: bytes, headers: list[tuple[bytes, bytes]]) -> int:
    """The status of a call whose request line and headers are these bytes."""
    path, _, query = target.partition(b"?")
    lines = [(b"authorization", b"Bearer " + KEY.encode()), (b"content-length", b"%d" % len(CHAT)), *headers]
    scope: dict[str, Any] = {
        **{"type": "http", "method": "POST", "scheme": "http", "http_version": "1.1", "client": ("10.0.0.1", 1)},
        **{"path": path.decode("latin-1"), "raw_path": path, "query_string": query, "headers": lines},
        "outlay.raw_target": target,
    }
    status: list[int] = []

    body = [{"type": "http.request", "body": CHAT, "more_body": False}]

    async def receive() -> Any:
        return body.pop() if body else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        status.extend([message["status"]] if "status" in message else [])

    await world.app(scope, receive, send)
    return status[0]


HOSTS = {
    "api.openai.test",
    "local.test",
    "wide.test",
    "api.anthropic.test",
    "gemini.test",
    "bedrock.test",
    "nokey.test",
}
"""Those of providers.yaml."""


SENT_ALONG: list[list[tuple[bytes, bytes]]] = [
    [],
    [(b"host", b"evil.test")],
    [
        (b"x-forwarded-host", b"evil.test"),
        (b"forwarded", b"host=evil.test"),
        (b"x-original-url", b"http://evil.test"),
    ],
    [
        (b"x-outlay-project", b"checkout"),
        (b"x-outlay-provider", b"http://evil.test"),
        (b"x-base-url", b"http://evil.test"),
    ],
    [(b"connection", b"host"), (b"host", b"evil.test"), (b"proxy", b"http://evil.test")],
]


@pytest.mark.parametrize(
    "target",
    [
        *(b"/v1/chat/completions", b"/openai/v1/chat/completions", b"/wide/v1/anything"),
        *(b"http://evil.test/v1/chat/completions", b"//evil.test/v1/chat/completions", b"/wide//evil.test/v1/x"),
        *(b"/@evil.test/v1/chat/completions", b"/openai@evil.test/v1/chat/completions", b"/wide/v1/@evil.test/x"),
        *(
            b"/wide/v1/http://evil.test/",
            b"/wide/v1/%2f%2fevil.test/x",
            b"/wide/v1/x?url=http://evil.test&host=evil.test",
        ),
        *(b"/evil.test/v1/chat/completions", b"/openai:80@evil.test/v1/chat/completions", b"/wide/v1/\\\\evil.test"),
        *(b"/wide/v1/x#@evil.test", b"/v1/chat/completions?$host=evil.test", b"/wide/v1/..//evil.test"),
    ],
)
async def test_no_caller_chooses_the_host_that_a_call_goes_to(world: World, target: bytes) -> None:
    """It goes to a host of providers.yaml, which stands in the request line's `Host` too, or nowhere."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

    world.router.route().mock(side_effect=answer)
    statuses = [await sent(world, target, headers) for headers in SENT_ALONG]
    assert set(statuses) <= {200, 400, 404}
    assert len(asked) == statuses.count(200)
    assert b"evil" in target or len(asked) == len(SENT_ALONG)
    for request in asked:
        assert request.url.host in HOSTS
        assert request.headers.get_list("host") == [request.url.netloc.decode()]


async def test_a_providers_redirect_passes_and_is_not_followed(world: World) -> None:
    """It could name a host of the provider's choice, with the credential on the way."""
    headers = {"location": "http://169.254.169.254/latest/meta-data"}
    route = world.router.route().mock(
        side_effect=lambda _: httpx.Response(307, headers=headers, stream=httpx.ByteStream(b""))
    )
    answer = await world.call("POST", "/v1/chat/completions", content=CHAT)
    assert (answer.status_code, answer.headers["location"]) == (307, headers["location"])
    assert route.call_count == 1


@pytest.mark.parametrize("path", [path for path in PATHS if path not in ("/healthz", "/readyz")])
async def test_the_data_port_has_no_route_of_the_control_plane(world: World, path: str) -> None:
    answer = await world.call("GET", path.replace("{id}", "call_1"))
    assert answer.status_code == 404
    assert not world.router.calls


# --- who may ask what

ROLES = ("", "alice", "bob", "admin")
"""Nobody, a developer, finance, an admin."""
OWN = (401, 200, 200, 200)
OPEN = (200, 200, 200, 200)
FINANCE = (401, 403, 200, 200)
ADMIN = (401, 403, 403, 200)
ALLOWED = {
    **dict.fromkeys(
        [
            ("get", f"/v1/reports/{name}")
            for name in ("spend", "prices", "budgets", "waste", "deployments", "hints", "views")
        ],
        OWN,
    ),
    ("get", "/v1/calls/{id}"): (401, 200, 403, 403),
    ("get", "/v1/whoami"): OWN,
    ("get", "/v1/budgets/increases"): OWN,
    ("post", "/v1/budgets/{name}/requests"): (401, 404, 404, 404),
    ("post", "/v1/budgets/{name}/grants"): (401, 403, 403, 404),
    ("delete", "/v1/budgets/{name}/grants/{id}"): (401, 403, 403, 404),
    ("get", "/v1/reports/definition"): FINANCE,
    ("get", "/v1/deployments/{id}"): (401, 403, 404, 404),
    ("get", "/v1/events/quarantine"): FINANCE,
    **dict.fromkeys([("get", f"/v1/months{rest}") for rest in ("", "/corrections", "/verify")], FINANCE),
    ("get", "/v1/months/{month}"): (401, 403, 404, 404),
    **dict.fromkeys([("get", f"/pages/months{rest}") for rest in ("", "/corrections", "/verify")], FINANCE),
    ("get", "/pages/months/{month}"): (401, 403, 404, 404),
    ("post", "/v1/months/{month}/close"): (401, 403, 409, 409),
    ("get", "/v1/reports/acts"): ADMIN,
    ("get", "/v1/replay"): ADMIN,
    ("get", "/v1/replay/facts"): ADMIN,
    ("post", "/v1/events/import"): ADMIN,
    ("post", "/v1/events/{kind}"): (401, 401, 401, 401),
    **dict.fromkeys([("get", path) for path in ("/metrics", "/healthz", "/readyz", "/openapi.json")], OPEN),
}
"""The first answer of each: a 404 is a right to ask about something that isn't there; a look at alice's call needs a
reason of anybody but her; a delivery needs its source's signature, whatever key comes with it."""
TIMES = dict.fromkeys(("since_us", "minutes_since_us", "quarters_since_us"), "0") | {"until_us": "1900000000000000"}
GIVEN: dict[tuple[str, str], dict[str, Any]] = {
    ("get", "/v1/replay/facts"): {"params": TIMES},
    ("get", "/v1/reports/definition"): {"params": {"definition": "clawback=14d"}},
    ("delete", "/v1/budgets/{name}/grants/{id}"): {"params": {"reason": "a test"}},
    ("post", "/v1/budgets/{name}/grants"): {"json": {"amount": "5 USD", "until": "7d", "reason": "a test"}},
    ("post", "/v1/budgets/{name}/requests"): {"json": {"amount": "5 USD", "until": "7d", "reason": "a test"}},
    ("post", "/v1/events/import"): {"json": {"events": []}},
    ("post", "/v1/events/{kind}"): {"json": {}},
}


@pytest.fixture(scope="module")
def control(tmp_path_factory):
    folder = tmp_path_factory.mktemp("claims")
    with a_store(folder) as store:
        load(
            store,
            [spent("call_1", owner="alice"), spent("call_2", owner="bob", key_id="k_bob"), facts.a_refused("call_4")],
        )
        yield ControlWorld(folder, store)


def test_every_route_is_in_the_table() -> None:
    routes = {(method, path) for path, methods in openapi("http://x")["paths"].items() for method in methods}
    assert set(ALLOWED) == routes


@pytest.mark.parametrize(("method", "path"), ALLOWED)
async def test_each_role_may_ask_what_the_table_says(control, method: str, path: str) -> None:
    filled = path.replace("{id}", "call_1").replace("{name}", "month").replace("{kind}", "generic")
    filled = filled.replace("{month}", "2020-01")
    transport = httpx.ASGITransport(app=control.application)
    statuses = []
    async with httpx.AsyncClient(transport=transport, base_url="http://ledger") as client:
        for role in ROLES:
            headers = {"authorization": f"Bearer outlay_key_of_{role}"} if role else {}
            answer = await client.request(method.upper(), filled, headers=headers, **GIVEN.get((method, path), {}))
            statuses.append(answer.status_code)
            # Keys come in headers that no page of another site can send along.
            assert not any(name.startswith("access-control-") or name == "set-cookie" for name in answer.headers)
    assert tuple(statuses) == ALLOWED[method, path]


@pytest.mark.parametrize(
    "wild",
    ["'); DROP TABLE calls; --", "' OR '1'='1", 'a"b', "a;b", "$since_us", "/*narrowed*/", "x' UNION SELECT 1--"],
)
async def test_no_word_of_a_request_is_sql(control, wild: str) -> None:
    """It is a value, or it is refused: nothing is lost, and nobody sees more."""
    period = {"since": "2026-12-01", "until": "2027-12-01"}
    for parameters in ({"by": f"tags.{wild}"}, {f"tags.{wild}": "x"}, {"project": wild}, {"by": wild}, {"tz": wild}):
        answer = await control.get("/v1/reports/spend", "alice", **period, **parameters)
        assert answer.status_code in (200, 400)
        if answer.status_code == 200:
            assert answer.json()["total"]["calls"] <= 1
    assert (await control.get("/v1/calls/" + wild.replace("/", "%2f"), "admin")).status_code in (404, 400)
    everything = await control.get("/v1/reports/spend", "admin", **period)
    assert everything.json()["total"]["calls"] == 2


async def test_bringing_in_the_past_is_on_record(control) -> None:
    event = {
        "occurred_at": "2026-03-01T10:00:00Z",
        "repository": "github.com/acme/checkout",
        "environment": "production",
    }
    transport = httpx.ASGITransport(app=control.application)
    headers = {"authorization": "Bearer outlay_key_of_admin"}
    async with httpx.AsyncClient(transport=transport, base_url="http://ledger", headers=headers) as client:
        answer = await client.post("/v1/events/import", json={"events": [event, "no event"]})
    assert answer.json()["told"] == 1
    act = control.journal.of(Act)[-1]
    assert (act.actor, act.kind) == ("admin", "events_imported")
    assert act.details == {"told": "1", "bad": "1", "by_key": "k_admin", "by_role": "admin"}
    assert control.journal.flushed_entries == len(control.journal.entries)


def test_a_local_socket_is_its_users_alone(tmp_path: Path) -> None:
    with unix_socket(tmp_path / "s.sock"):
        assert stat.S_IMODE((tmp_path / "s.sock").stat().st_mode) == 0o600


# --- the page


def _tests_named() -> list[tuple[str, str]]:
    return re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


def test_the_page_names_tests() -> None:
    assert len(_tests_named()) > 40


@pytest.mark.parametrize(("file", "name"), sorted(set(_tests_named())))
def test_every_test_that_the_page_names_is_there(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text())
    found = {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert name in found
