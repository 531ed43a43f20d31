-- Spend of the weeks that begin in [since, until): by whose it is or not, week by week or not.
SELECT
    if($fine, service, ''), if($fine, team, ''), if($fine, project, ''), if($weekly, week_us, 0), method,
    sum(cost_pico), sum(calls)
FROM outcome_spend
WHERE week_us >= $since_us AND week_us < $until_us
GROUP BY ALL
