-- What was recorded last of each key; NULL of those that are gone.
SELECT subject, max_by(coalesce(details['state'], ''), at_us)
FROM acts
WHERE kind IN (SELECT unnest($kinds::VARCHAR[]))
GROUP BY subject;
