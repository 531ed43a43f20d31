-- From whom each session that a commit names was seen first: of two at one instant, the first by name.
WITH named AS (
    SELECT DISTINCT unnest(string_split(facts['sessions'], ' ')) AS session
    FROM told
    WHERE load <= $horizon AND kind = 'commit'
), first_calls AS (
    SELECT session, min({'at_us': opened_us, 'owner': owner, 'kind': owner_kind}) AS seen
    FROM calls
    WHERE load <= $horizon AND NOT refused AND session <> '' AND session IN (SELECT session FROM named)
    GROUP BY session
)
SELECT session, seen.owner AS owner, seen.kind AS kind
FROM first_calls
ORDER BY session
