-- Spend of the weeks that begin in [since, until).
SELECT service, team, project, week_us, method, sum(cost_pico), sum(calls)
FROM outcome_shares
WHERE week_us >= $since_us AND week_us < $until_us
GROUP BY ALL;
