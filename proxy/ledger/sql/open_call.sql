-- One call in flight.
SELECT open_calls
FROM open_calls
WHERE id = $id
LIMIT 1;
