-- Single calls of a month (UTC) whose lines stand before a cut of the journal. Work of batches is left out: of the lines
-- that several gateways write of one batch any may be the one that counts, after a rebuild another than before.
SELECT count(*), coalesce(sum(cost_pico), 0)
FROM calls JOIN (
    SELECT unnest($nodes) AS node, unnest($boots) AS boot, unnest($numbers) AS number, unnest($bytes) AS bytes
) AS cut USING (node)
WHERE NOT refused AND NOT starts_with(id, 'job_') AND opened_us >= $since_us AND opened_us < $until_us
    AND (calls.boot, calls.number, calls.line_offset) < (cut.boot, cut.number, cut.bytes)
