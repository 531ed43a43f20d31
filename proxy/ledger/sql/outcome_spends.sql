-- Spend on building by all that attribution looks at: of some weeks, or of all. Of those that begin before $open_us,
-- only what came after the load $after.
SELECT
    opened_us // $hour_us * $hour_us AS at_us,
    owner, owner_kind, team, project, repository, branch, commit_id AS "commit", session,
    sum(cost_pico)::VARCHAR AS cost_pico, count(*) AS calls
FROM calls
WHERE load <= $horizon AND opened_us >= $since_us AND opened_us < $until_us AND NOT refused AND purpose <> 'run'
    AND ($all OR (opened_us - $monday_us) // $week_us * $week_us + $monday_us IN (SELECT unnest($weeks)))
    AND (load > $after OR (opened_us - $monday_us) // $week_us * $week_us + $monday_us >= $open_us)
GROUP BY ALL
