-- Everything told, in the order in which it happened, as folding takes it.
SELECT id, at_us, source, '' AS delivery, kind, occurred_us, trust, clamped, imported, quarantine, facts
FROM told
WHERE load <= $horizon
ORDER BY occurred_us, id
