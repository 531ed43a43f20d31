-- What was told to whom, and when last.
SELECT details['target'], subject, max(at_us)
FROM acts
WHERE kind = $kind
GROUP BY ALL;
