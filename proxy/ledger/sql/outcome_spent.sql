-- Spend of the weeks that begin in [since, until).
SELECT service, team, project, week_us, method, cost_pico, calls
FROM outcome_spend
WHERE week_us >= $since_us AND week_us < $until_us
