-- The version that came into force last.
SELECT subject
FROM acts
WHERE kind = $kind
ORDER BY at_us DESC, id DESC
LIMIT 1;
