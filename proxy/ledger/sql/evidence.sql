-- Of these calls, whose they are and what they cost.
SELECT id, owner, owner_kind, CASE WHEN refused THEN 0 ELSE cost_pico END
FROM calls
WHERE opened_us >= $first_us AND opened_us <= $last_us AND id IN (SELECT unnest($ids));
