-- What was told to whom.
SELECT details['target'], subject
FROM acts
WHERE kind = $kind;
