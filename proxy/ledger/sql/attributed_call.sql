-- For which run of redundant calls a call was named after it had ended: as in waste_calls.sql.
SELECT campaign, waste_class, at_us
FROM attributions
WHERE call_id = $id
ORDER BY coalesce(list_position($classes, waste_class), 99), at_us DESC, campaign, waste_class
LIMIT 1;
