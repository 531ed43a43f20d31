-- One call that ended, whole. The bounds on the time of admission, known from the id, let the database skip the rest.
SELECT calls
FROM calls
WHERE id = $id AND opened_us BETWEEN $first_us AND $last_us
LIMIT 1;
