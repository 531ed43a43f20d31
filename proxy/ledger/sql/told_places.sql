-- What was told, by what it was told of: for the list of what nobody has registered, or what nobody hears.
SELECT
    source,
    coalesce(facts['repository'], '') AS repository,
    coalesce(facts['service'], '') AS service,
    trust,
    count(*) AS things,
    count(*) FILTER (WHERE kind = 'deployment') AS deployments,
    min(at_us) AS first_us,
    max(at_us) AS last_us,
    list_sort(list_distinct(list(kind))) AS kinds,
    list_slice(list_sort(list_distinct(list(facts['environment']) FILTER (WHERE facts['environment'] <> ''))), 1, 10)
FROM told
GROUP BY ALL
ORDER BY last_us DESC, source, repository, service, trust
LIMIT $places_max;
