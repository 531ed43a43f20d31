-- From whom each of these sessions was seen first: of two at one instant, the first by name.
SELECT session, min({'at_us': opened_us, 'owner': owner, 'kind': owner_kind}) AS seen
FROM calls
WHERE load <= $horizon AND NOT refused AND session IN (SELECT unnest($sessions))
GROUP BY session;
