-- What became of the deployments of the weeks that begin in [since, until).
SELECT
    service, week_us, deployments, standings, reasons, credits, config, groups, succeeded, failed, rework, weak,
    leads_us, changes, maintenance, approvals, imported, persons, unknown
FROM outcome_weeks
WHERE week_us >= $since_us AND week_us < $until_us;
