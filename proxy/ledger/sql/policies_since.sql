-- Which version came into force when, in that order.
SELECT at_us, subject
FROM acts
WHERE kind = $kind
ORDER BY at_us, id;
