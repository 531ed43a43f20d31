-- Models called since a time that had no price when they were, the first found first.
SELECT provider, model, min(opened_us) AS first_us, count(*)
FROM calls
WHERE unpriced AND opened_us >= $since_us
GROUP BY provider, model
ORDER BY first_us, provider, model
LIMIT $rows_max;
