-- From whom each of these sessions was seen first: within one hour, the first by name.
SELECT session, min({'hour': opened_us // $hour_us, 'owner': owner, 'kind': owner_kind}) AS seen
FROM calls
WHERE load <= $horizon AND NOT refused AND session IN (SELECT unnest($sessions))
GROUP BY session;
