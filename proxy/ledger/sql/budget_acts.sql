-- Increases of budgets, asked for, given and taken back, that end after a time; the newest first.
SELECT id, at_us, actor, kind, subject, reason, details
FROM acts
WHERE kind IN ('budget_requested', 'budget_granted', 'budget_grant_revoked')
  AND try_cast(details['until_us'] AS BIGINT) > $ends_after_us
ORDER BY at_us DESC, id DESC
LIMIT $rows_max;
