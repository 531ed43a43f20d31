-- Acts on record of a time, all kinds or some. Newest first.
SELECT id, at_us, actor, kind, subject, reason, details
FROM acts
WHERE at_us >= $since_us AND at_us < $until_us
    AND (len($kinds::VARCHAR[]) = 0 OR kind IN (SELECT unnest($kinds::VARCHAR[])))
ORDER BY at_us DESC, id DESC
LIMIT $rows_max;
