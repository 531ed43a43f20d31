-- Sums of outcome_shares of some weeks, or of all.
INSERT INTO outcome_spend
SELECT service, team, project, week_us, method, sum(cost_pico), sum(calls)
FROM outcome_shares
WHERE $all OR week_us IN (SELECT unnest($weeks))
GROUP BY ALL
ORDER BY week_us
