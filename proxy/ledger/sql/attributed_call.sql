-- The latest word on a call that was put to a run of redundant ones after it had ended.
SELECT campaign, waste_class, at_us
FROM attributions
WHERE call_id = $id
ORDER BY at_us DESC, campaign DESC, waste_class DESC
LIMIT 1;
