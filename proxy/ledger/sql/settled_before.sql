-- Which of these calls have been settled by an earlier load. The bounds on the time of admission let the database
-- skip nearly all of the table.
SELECT DISTINCT id
FROM calls
WHERE NOT refused AND opened_us BETWEEN $first_us AND $last_us AND id IN (SELECT unnest($ids));
