-- What a copy of the database holds, to be compared with after a restore: all that was loaded up to one transaction.
SELECT
    (SELECT max(version) FROM schema_version),
    (SELECT coalesce(max(load), 0) FROM positions),
    count(*) FILTER (WHERE NOT refused), count(*) FILTER (WHERE refused), coalesce(sum(cost_pico), 0)
FROM calls
