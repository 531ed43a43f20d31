-- Deployments that may be called so: where their lines stand, and whether the whole name is theirs.
SELECT
    id, at_us, source, delivery, kind, occurred_us, trust, payload, clamped, imported, quarantine, facts,
    ends_with(
        concat('/', source, '/', coalesce(nullif(facts['repository'], ''), facts['service'], ''), '/', facts['deployment']),
        '/' || $text
    ) OR (length($text) >= $chars_min AND (starts_with(coalesce(facts['sha'], ''), $text) OR facts['digest'] IN (
        SELECT facts['digest'] FROM told WHERE kind = 'artifact' AND starts_with(facts['sha'], $text)
    ))) AS named
FROM told
WHERE load <= $horizon AND kind = 'deployment' AND (named OR $text = facts['deployment']
    OR (facts['deployment'] <> '' AND ends_with($text, '/' || facts['deployment'])))
ORDER BY occurred_us, id
