-- Whose calls they were that a user's or key's name stands on.
SELECT DISTINCT owner, owner_kind, key_id
FROM (
    SELECT owner, owner_kind, key_id FROM calls
    UNION ALL
    SELECT owner, owner_kind, key_id FROM open_calls
    UNION ALL
    SELECT owner, owner_kind, key_id FROM calls_rolled
)
WHERE owner IN (SELECT unnest($users::VARCHAR[])) OR key_id IN (SELECT unnest($keys::VARCHAR[]))
