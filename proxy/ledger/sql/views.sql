-- Looks at another person's rows: all of them for who may see all, else those at or by one person, and those at everybody. Newest first.
SELECT at_us, actor, subject, reason, details
FROM acts
WHERE kind = $kind AND ($all OR subject IN ($name, $everybody) OR actor = $name)
ORDER BY at_us DESC, id
LIMIT $rows_max;
