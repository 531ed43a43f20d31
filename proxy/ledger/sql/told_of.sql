-- Everything told of these repositories and services, in the order in which it happened, as folding takes it.
SELECT id, at_us, source, delivery, kind, occurred_us, trust, payload, clamped, imported, quarantine, facts
FROM told
WHERE load <= $horizon AND (
    coalesce(facts['repository'], '') IN (SELECT unnest($places))
    OR coalesce(facts['service'], '') IN (SELECT unnest($places))
)
ORDER BY occurred_us, id
