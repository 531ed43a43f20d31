"""Mirror kept: one repository's mirror for as long as the ledger runs: when it is fetched, and what it could not answer
yet. Blocks."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

import structlog

from proxy.adapters.git_mirror import GitMirror
from proxy.adapters.git_process import GitError, GitStoppedError
from proxy.app.mirror_reading import MirrorReading, MissingCommitError
from proxy.ledger.mirror_questions import Asked
from proxy.model.told import Fact
from proxy.outcomes.unread import MirrorState
from proxy.outcomes.wanting import WantedCommits, WantedDiff

log = structlog.get_logger("outlay.mirrors")

FETCH_EVERY_US: Final = 900 * 1_000_000
"""Even if nothing is asked, so that the tips of pull requests are here before they are gone."""
RETRY_US: Final = 15 * 1_000_000
"""After a first failure; twice as long after each further one."""
RETRY_US_MAX: Final = 3600 * 1_000_000
ANSWERS_MAX: Final = 50
"""Of one pass, so that what is known is written before more is read."""
MISSING_MAX: Final = 20
"""Commits that are told of as missing, and asked for by name."""

Question = WantedCommits | WantedDiff


class MirrorKept:
    def __init__(self, mirror: GitMirror, now_us: Callable[[], int]) -> None:
        self.mirror = mirror
        self._now_us = now_us
        self._failed = 0
        """Fetches in a row."""
        self._later: dict[Question, tuple[int, int, str]] = {}
        """What could not be answered: how often, when it is tried again, and the commit that is missing."""
        self._answered: set[Question] = set()
        """Until the fold knows."""
        self._fetch_us = 0
        """When it may be fetched again."""
        self.state = MirrorState(mirror.repository, fetched_us=mirror.fetched_us())

    def is_due(self, asked: Asked) -> bool:
        return bool(self._open(asked)) or self._is_old()

    def _is_old(self) -> bool:
        now_us = self._now_us()
        return abs(now_us - self.state.fetched_us) >= FETCH_EVERY_US and now_us >= self._fetch_us

    def _open(self, asked: Asked) -> list[Question]:
        """Those that can be tried now. What became of changes is asked first: it tells whose commits are shipped."""
        mine: list[Question] = [each for each in asked.wanted.diffs if each.repository == self.mirror.repository]
        mine += [each for each in asked.wanted.commits if each.repository == self.mirror.repository]
        now_us = self._now_us()
        self._answered &= set(mine)
        self._later = {each: self._later[each] for each in mine if each in self._later}
        left = [each for each in mine if each not in self._answered]
        self.state = replace(self.state, waiting=len(left), missing=self._missing())
        return [each for each in left if self._later.get(each, (0, 0, ""))[1] <= now_us]

    def answers(self, asked: Asked) -> list[tuple[Question, tuple[Fact, ...]]]:
        """As many as one pass reads. Raises GitStoppedError."""
        if self._is_old():
            self._fetch(())
        reading = MirrorReading(self.mirror, asked.services, asked.changes, asked.owners)
        questions = self._open(asked)[:ANSWERS_MAX]
        found, missing = self._asked(reading, questions)
        if missing and self._now_us() >= self._fetch_us and self._fetch(dict.fromkeys(missing.values())):
            more, missing = self._asked(reading, list(missing))
            found += more
        for question, sha in missing.items():
            self._put_off(question, sha)
        return found

    def _asked(
        self, reading: MirrorReading, questions: Iterable[Question]
    ) -> tuple[list[tuple[Question, tuple[Fact, ...]]], dict[Question, str]]:
        found: list[tuple[Question, tuple[Fact, ...]]] = []
        missing: dict[Question, str] = {}
        for each in questions:
            try:
                facts = reading.diff(each) if isinstance(each, WantedDiff) else reading.shipped(each)
                found.append((each, facts))
            except MissingCommitError as error:
                missing[each] = error.sha
            except GitStoppedError:
                raise
            except GitError as error:
                log.warning("can't be read from the mirror", repository=self.mirror.repository, why=str(error))
                self._unanswered(each, str(error))
            except Exception:
                # One question must not keep the others waiting for ever.
                log.exception("reading from the mirror failed", repository=self.mirror.repository)
                self._unanswered(each, "reading it failed: the log says how")
        return found, missing

    def _unanswered(self, question: Question, why: str) -> None:
        self._put_off(question, "")
        self.state = replace(self.state, error=why, failures=self.state.failures + 1)

    def _fetch(self, wanted: Iterable[str]) -> bool:
        """False: it could not be reached."""
        now_us = self._now_us()
        try:
            self.mirror.fetch(list(wanted)[:MISSING_MAX])
        except GitStoppedError:
            raise
        except GitError as error:
            self._failed += 1
            self._fetch_us = now_us + _backoff_us(self._failed)
            failures = self.state.failures + 1
            self.state = replace(
                self.state, tried_us=now_us, error=str(error), next_us=self._fetch_us, failures=failures
            )
            log.warning("a mirror can't be fetched", repository=self.mirror.repository, why=str(error))
            return False
        self._failed, self._fetch_us = 0, now_us + RETRY_US
        self.state = replace(
            self.state, tried_us=now_us, fetched_us=now_us, error="", next_us=0,
            size_bytes=self.mirror.size_bytes(), fetches=self.state.fetches + 1,
        )  # fmt: skip
        return True

    def _put_off(self, question: Question, sha: str) -> None:
        tries = self._later.get(question, (0, 0, ""))[0] + 1
        self._later[question] = (tries, self._now_us() + _backoff_us(tries), sha)
        self.state = replace(self.state, missing=self._missing())

    def _missing(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(sha for _, _, sha in self._later.values() if sha))[:MISSING_MAX]

    def done(self, question: Question, facts: int) -> None:
        """Its answer is on record."""
        self._answered.add(question)
        self._later.pop(question, None)
        left = max(0, self.state.waiting - 1)
        self.state = replace(self.state, facts=self.state.facts + facts, waiting=left, missing=self._missing())


def _backoff_us(failures: int) -> int:
    return int(min(RETRY_US_MAX, RETRY_US * 2 ** min(failures - 1, 20)))
