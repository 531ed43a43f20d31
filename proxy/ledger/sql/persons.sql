-- Other persons among the calls of a report.
SELECT owner
FROM /*source*/
WHERE load <= $horizon AND opened_us >= $since_us AND opened_us < $until_us AND /*others*/
/*narrowed*/
GROUP BY owner
-- Of a report of waste some rows are taken out of others.
HAVING sum(calls) > 0;
