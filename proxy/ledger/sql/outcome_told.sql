-- Everything told, as folding takes it.
SELECT id, at_us, source, delivery, kind, occurred_us, trust, payload, clamped, imported, quarantine, facts
FROM told
WHERE load <= $horizon;
