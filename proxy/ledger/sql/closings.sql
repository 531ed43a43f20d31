-- Months that were closed, in order; '' for a statement of which parts are missing.
SELECT
    coalesce(max(statements.month), acts.subject), acts.id, acts.at_us, acts.actor, acts.reason, coalesce(acts.details['sha256'], ''),
    CASE WHEN count(statements.part) = max(statements.parts)
    THEN string_agg(statements.document, '' ORDER BY statements.part) ELSE '' END
FROM acts LEFT JOIN statements ON statements.act = acts.id
WHERE acts.kind = $kind
GROUP BY acts.subject, acts.id, acts.at_us, acts.actor, acts.reason, acts.details
ORDER BY acts.at_us, acts.id
