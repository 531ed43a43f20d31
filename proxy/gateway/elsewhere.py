"""Elsewhere: a call whose provider failed it is admitted anew for another one, under the same id and rules."""

from collections.abc import Callable
from dataclasses import replace

import structlog

from proxy.gateway.admitted import Admitted, Incoming
from proxy.gateway.reserving import Reserving, Weighed
from proxy.gateway.weighing import Weighing
from proxy.model.call import Call
from proxy.model.entry import Opened
from proxy.policy.providers import takes
from proxy.policy.types import Provider
from proxy.ports.journal import Journal, JournalUnavailableError
from proxy.ports.secrets import Secrets

log = structlog.get_logger("outlay.elsewhere")


def moved(
    admitted: Admitted,
    incoming: Incoming,
    name: str,
    weigh: Callable[[Call, Provider], Weighing],
    reserving: Reserving,
    journal: Journal,
    secrets: Secrets,
) -> Admitted | None:
    """The call as it goes to the provider `name`; `weigh`: it there, lightened as it was. None: it can't go there, and
    stays admitted as it was."""
    provider = admitted.rules.policies.providers.get(name)
    if provider is None or not takes(provider, incoming.dialect.name, admitted.call.project):
        return None
    credential = secrets.secret(provider)
    if credential is None:
        return None
    call = replace(admitted.call, provider=name, account=provider.account or name)
    weighing = weigh(call, provider)
    weighed, refusal = weighing.first()
    after = reserving.move(Weighed(admitted.call, admitted.verdict), weighed) if refusal is None else None
    if after is None:
        return None
    hold, sent = after.verdict.weight.hold, weighing.sent
    try:
        journal.append(Opened(call, hold))
    except JournalUnavailableError:
        # It is open on record already. Its settlement names the provider, and has the journal's reserve to draw on.
        log.error("move not written", call_id=call.id)
    return replace(
        admitted,
        call=call,
        hold=hold,
        provider=provider,
        credential=credential,
        request=sent.request,
        body=sent.body,
        target=sent.target,
        edits=sent.edits,
        hide_usage=sent.hide_usage,
        model=sent.model,
        verdict=after.verdict,
        lightened=weighing.lightened,
        warning=reserving.warning(after),
    )
