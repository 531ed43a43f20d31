-- Repositories of whose changes something is told that may make them parts of the same work: one of these work items,
-- one of these patches, or a diff that is nearly one of these. A commit may be told of elsewhere than its change is.
WITH named AS (
    SELECT facts['sha'] AS sha
    FROM told
    WHERE load <= $horizon AND kind = 'commit'
        AND list_has_any(string_split(coalesce(facts['work_items'], ''), ' '), $items::VARCHAR[])
)
SELECT DISTINCT coalesce(facts['repository'], ''), coalesce(facts['service'], '')
FROM told
WHERE load <= $horizon AND (
    (
        kind IN ('change', 'commit')
        AND list_has_any(string_split(coalesce(facts['work_items'], ''), ' '), $items::VARCHAR[])
    ) OR (
        kind = 'change'
        AND (facts['merge'] IN (SELECT sha FROM named) OR facts['head'] IN (SELECT sha FROM named))
    ) OR (
        kind = 'diff' AND facts['sha'] IN (SELECT sha FROM named)
    ) OR (
        kind = 'diff' AND facts['patch_id'] IN (SELECT unnest($patches::VARCHAR[]))
    ) OR (
        kind = 'diff' AND len(list_filter($hashes::VARCHAR[], lambda hash: bit_count(xor(
            TRY_CAST('0x' || facts['simhash'] AS UBIGINT), TRY_CAST('0x' || hash AS UBIGINT)
        )) <= $bits)) > 0
    )
)
