-- What was told, by what it was told of: for the list of what nobody has registered.
SELECT
    source,
    coalesce(facts['repository'], '') AS repository,
    coalesce(facts['service'], '') AS service,
    count(*) AS things,
    count(*) FILTER (WHERE kind = 'deployment') AS deployments,
    min(at_us) AS first_us,
    max(at_us) AS last_us,
    list_slice(list_sort(list_distinct(list(facts['environment']) FILTER (WHERE facts['environment'] <> ''))), 1, 10)
FROM told
GROUP BY ALL
ORDER BY last_us DESC, source, repository, service
LIMIT $places_max;
