"""Ledger: what answers for a data folder: the database, its loader, and the applications in front of both."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.requests import Request

from proxy.adapters.charts_matplotlib import picture
from proxy.adapters.clock import SystemClock
from proxy.adapters.gateway_sockets import gateway_metrics, gateway_states
from proxy.adapters.grants_file import write_grants
from proxy.adapters.journal_segments import FileSegments
from proxy.adapters.keys_editors import editor
from proxy.adapters.notices_apprise import AppriseSender
from proxy.adapters.policy_archive import PolicyArchive
from proxy.adapters.provider_secrets import ProviderSecrets
from proxy.adapters.sheets_parquet import ParquetWriter
from proxy.adapters.sheets_xlsx import XlsxWriter
from proxy.app.delivering import Delivering
from proxy.app.known_names import KnownNames
from proxy.app.loading import Loading
from proxy.app.mirror_wiring import mirroring
from proxy.app.noticing import Noticing
from proxy.app.opening import rebuildable
from proxy.app.outcome_process import OutcomeProcess
from proxy.app.policy_recording import PolicyRecording
from proxy.app.rebuilding import Rebuilding
from proxy.app.retention import Retention
from proxy.ledger.grant_book import GrantBook
from proxy.ledger.loader import Loader
from proxy.ledger.month_book import MonthBook
from proxy.ledger.outcomes import Outcomes
from proxy.model.service import EventSource
from proxy.policy.types import Mistake, PolicySet, Secret
from proxy.ports.journal import Journal
from proxy.ports.store import Store
from proxy.settings import Settings, secret_from_environ
from proxy.web.balances import BalancesEndpoint
from proxy.web.budget_increases import BudgetIncreases
from proxy.web.calls_explained import CallsExplained
from proxy.web.control_auth import Authentication
from proxy.web.control_metrics import LedgerMetrics, Metrics
from proxy.web.control_plane import ControlPlane
from proxy.web.control_reading import Desk
from proxy.web.database_copy import DatabaseCopy
from proxy.web.deployments_explained import DeploymentsExplained
from proxy.web.events import Events
from proxy.web.events_import import EventsImport
from proxy.web.events_quarantine import EventsQuarantine
from proxy.web.mirror_figures import MirrorFigures, mirror_details
from proxy.web.months import Months
from proxy.web.notice_figures import NoticeFigures, notice_details
from proxy.web.replay_facts import EXPORT_S, EXPORTS_AT_ONCE, InForce, ReplayFacts
from proxy.web.reports import Reports, iso

log = structlog.get_logger("outlay.ledger")

NODE: Final = "ledger"
"""The name under which the ledger's own facts stand in the journal."""
JOURNAL_FOLDER: Final = "journal"
WRITERS: Final = {writer.suffix: writer for writer in (ParquetWriter(), XlsxWriter())}


class Ledger:
    """What answers for a data folder: the database, its loader, and the application in front of both."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        journal: Journal,
        policies: Callable[[], PolicySet],
        mistakes: Callable[[], Sequence[Mistake]] = tuple,
        clock: SystemClock | None = None,
    ) -> None:
        """`policies`: in force now, with every key that opens the control plane."""
        self.settings = settings
        self.clock = clock or SystemClock()
        self.store = store
        self.journal = journal
        self.policies = policies
        self.mistakes = mistakes
        self._removal_told = False
        self.loader = Loader(store, FileSegments(settings.data / JOURNAL_FOLDER), self.clock.now_us)
        self.metrics = LedgerMetrics(lambda: self.loader.progress, lambda: len(mistakes()), self.clock.now_us)
        self.metrics.database_damaged.set_function(lambda: bool(self._amiss()))
        self.delivering = Delivering(
            store=store,
            journal=journal,
            sender=AppriseSender(),
            address=ProviderSecrets(settings.policies, secret_from_environ).value,
            now_us=self.clock.now_us,
        )
        self.metrics.registry.register(NoticeFigures(lambda: self.delivering.deliveries))
        self.mirroring = mirroring(settings, store, journal, lambda: policies().services, self.clock.now_us)
        self.metrics.registry.register(MirrorFigures(self.mirroring.states))
        self.loading = Loading(self.loader, self.metrics.load_failures.inc, self._to_be_rebuilt)
        self.grants = GrantBook(store, journal, partial(write_grants, settings.data), self.clock.now_us)
        self.outcome_process = OutcomeProcess()
        self.outcomes = Outcomes(
            store,
            lambda: policies().services,
            KnownNames(store, policies, PolicyArchive(settings.data).files),
            self.clock.now_us,
            run=self.outcome_process,
        )

    def plane(self) -> ControlPlane:
        authentication = Authentication(self.policies, self.clock.now_us)
        desk = Desk(self.store, self.journal, self.clock.now_us)
        archive = PolicyArchive(self.settings.data)
        events = self._events()
        return ControlPlane(
            authentication=authentication,
            reports=Reports(
                desk,
                authentication,
                lambda: self.loader.progress,
                WRITERS,
                picture,
                self.grants,
                self.outcomes,
                self.mirroring.states,
            ),
            calls=CallsExplained(desk, authentication, archive.load),
            deployments=DeploymentsExplained(desk, authentication, events.services, self.outcomes.aliases),
            # A place of its own: no gateway waits behind reports.
            balances=BalancesEndpoint(Desk(self.store, self.journal, self.clock.now_us), self.caught_up),
            database_copy=DatabaseCopy(self.store),
            replay=ReplayFacts(
                Desk(self.store, self.journal, self.clock.now_us, at_once=EXPORTS_AT_ONCE, timeout_s=EXPORT_S),
                authentication,
                lambda: (found := archive.in_force()) and InForce(*found),
            ),
            increases=BudgetIncreases(authentication, self.grants),
            months=Months(
                desk, authentication, MonthBook(self.journal), lambda: self.loader.progress, self.outcomes, WRITERS
            ),
            events=events,
            events_import=EventsImport(events, authentication.viewer),
            events_quarantine=EventsQuarantine(desk, authentication, events.services, events.secret, events.refused),
            metrics=Metrics(
                self.metrics,
                lambda: gateway_metrics(self.settings.data),
                authentication.sees_all if self.settings.metrics_access == "key" else _anybody,
            ),
            readiness=self.readiness,
            gateway={"gateway": self.settings.public_url, "gateway_port": self.settings.port},
        )

    def _events(self) -> Events:
        secrets = ProviderSecrets(self.settings.policies, secret_from_environ)

        def usable(source: EventSource) -> list[str]:
            found = (secrets.value(Secret(where, name)) for where, name in source.secrets)
            return [secret for secret in found if secret]

        return Events(
            journal=self.journal,
            services=lambda: self.policies().services,
            secret=usable,
            now_us=self.clock.now_us,
            counted=self.metrics.delivered,
        )

    def application(self) -> Starlette:
        """What listens on the control port."""
        return self.plane().application()

    def noticing(self) -> Noticing:
        return Noticing(
            store=self.store,
            journal=self.journal,
            delivering=self.delivering,
            targets=lambda: self.policies().targets,
            mistakes=self.mistakes,
            progress=lambda: self.loader.progress,
            failing=lambda: self.loading.failing,
            budgets=lambda: self.policies().rules.budgets,
            grants=self.grants.grants,
            gateways=partial(gateway_states, self.settings.data),
            now_us=self.clock.now_us,
        )

    def policy_recording(self) -> PolicyRecording:
        archive = PolicyArchive(self.settings.data)
        by = partial(editor, self.settings.keys_file)
        return PolicyRecording(self.store, self.journal, self.policies, archive.files, self.clock.now_us, by)

    def rebuilding(self) -> Rebuilding:
        return Rebuilding(self.outcomes, self.journal, self.outcome_process.stop, self.caught_up)

    def retention(self, attributed: Callable[[], bool]) -> Retention:
        """`attributed`: as Retention has it."""
        return Retention(
            self.settings,
            self.store,
            self.loader,
            lambda: self.policies().rules.budgets,
            self.clock.now_us,
            attributed,
        )

    def _amiss(self) -> str:
        """What damage the database has, or that its file is gone; '': it is in order."""
        return self.store.damaged or self.store.removed

    def _to_be_rebuilt(self) -> str:
        """What is amiss with the database, where the journals can take its place; else ''."""
        amiss = self._amiss()
        if amiss and rebuildable(self.settings.data):
            return amiss
        if self.store.removed and not self._removal_told:
            log.error("database removed, and the journal can't replace it: take a backup before this ends", why=amiss)
            self._removal_told = True
        return ""

    def caught_up(self) -> bool:
        """Whether every fact up to the start is in the store."""
        return self.loader.progress.current_until_us > 0

    def readiness(self) -> Mapping[str, object]:
        progress = self.loader.progress
        behind_us = self.clock.now_us() - progress.current_until_us if progress.current_until_us else None
        return {
            "ready": not (self.loading.failing or self._amiss()),
            "loading": self.loading.failing or "in order",
            "database": self._amiss() or "in order",
            "seconds_behind": None if behind_us is None else round(max(behind_us, 0) / 1e6, 3),
            "lines_loaded": progress.lines,
            "quarantined_lines": progress.quarantined,
            "segments_waiting": progress.waiting,
            "segments_lost": progress.lost,
            "policy": self.policies().version,
            "keys": self.policies().keys_version,
            "policy_mistakes": [str(mistake) for mistake in self.mistakes()],
            "notices": notice_details(self.delivering.deliveries, self.clock.now_us()),
            "mirrors": mirror_details(self.mirroring.states(), self.clock.now_us()),
            "outcomes": outcome_details(self.outcomes),
        }


def outcome_details(outcomes: Outcomes) -> dict[str, object]:
    built, progress = outcomes.built, outcomes.progress
    return {
        "built_at": iso(built.at_us) if built else None,
        "seconds": round(built.took_s, 3) if built else None,
        "working_out": f"{progress.step} {progress.part:.0%}" if progress else None,
    }


def _anybody(_: Request) -> None:
    return
