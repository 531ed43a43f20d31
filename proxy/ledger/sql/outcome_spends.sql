-- Spend on building within [since, until), by all that attribution looks at.
SELECT
    opened_us // $hour_us * $hour_us,
    owner, owner_kind, team, project, repository, branch, commit_id, work_item, session,
    sum(cost_pico), count(*)
FROM calls
WHERE load <= $horizon AND opened_us >= $since_us AND opened_us < $until_us AND NOT refused AND purpose <> 'run'
GROUP BY ALL;
