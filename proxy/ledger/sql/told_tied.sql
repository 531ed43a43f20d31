-- Repositories and services of which something is told that folding these needs: the same artefacts, commits told
-- elsewhere, and diffs that are turned round.
WITH near AS (
    SELECT kind, facts
    FROM told
    WHERE load <= $horizon AND (
        coalesce(facts['repository'], '') IN (SELECT unnest($places))
        OR coalesce(facts['service'], '') IN (SELECT unnest($places))
    )
), shas AS (
    SELECT DISTINCT unnest([facts['sha'], facts['head'], facts['merge']]) AS sha FROM near
)
SELECT DISTINCT coalesce(facts['repository'], ''), coalesce(facts['service'], '')
FROM told
WHERE load <= $horizon AND (
    (
        kind IN ('artifact', 'deployment')
        AND facts['digest'] IN (SELECT facts['digest'] FROM near WHERE facts['digest'] <> '')
    ) OR (
        kind = 'commit' AND facts['sha'] IN (SELECT sha FROM shas WHERE sha <> '')
    ) OR (
        kind = 'diff' AND facts['inverse'] IN (SELECT facts['patch_id'] FROM near WHERE facts['patch_id'] <> '')
    ) OR (
        kind = 'diff' AND facts['patch_id'] IN (SELECT facts['inverse'] FROM near WHERE facts['inverse'] <> '')
    )
)
