-- Calls in flight, with what each holds.
SELECT open_calls
FROM open_calls
LIMIT /*calls_max*/
