-- What a copy of the database holds, to be compared with after a restore: all that was loaded up to one transaction.
SELECT
    (SELECT max(version) FROM schema_version),
    (SELECT coalesce(max(load), 0) FROM positions),
    coalesce(sum(calls) FILTER (WHERE NOT refused), 0), coalesce(sum(calls) FILTER (WHERE refused), 0),
    coalesce(sum(cost_pico), 0)
FROM (
    SELECT refused, 1 AS calls, cost_pico FROM calls
    UNION ALL
    SELECT refused, calls, cost_pico FROM calls_rolled
)
