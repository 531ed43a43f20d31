-- From the sums that are kept beside calls: months (UTC) with what was called and spent in them, and what of it had no price.
SELECT
    date_trunc('month', make_timestamp(opened_us)) AS month,
    sum(calls), sum(cost_pico),
    coalesce(sum(calls) FILTER (WHERE unpriced), 0), coalesce(sum(cost_pico) FILTER (WHERE unpriced), 0)
FROM (SELECT * FROM summed UNION ALL SELECT * FROM summed_lately)
WHERE NOT refused AND opened_us >= $since_us AND opened_us < $until_us
GROUP BY ALL
ORDER BY month
