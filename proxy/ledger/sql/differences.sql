-- Differences between counters and facts that were found since a time, the first found first.
SELECT subject, details['at_us'], details['accounts'], details['usd'], details['budgets']
FROM acts
WHERE kind = $kind AND at_us >= $since_us
ORDER BY at_us, id;
