-- Other persons among the calls of a report.
SELECT DISTINCT owner
FROM /*source*/
WHERE load <= $horizon AND opened_us >= $since_us AND opened_us < $until_us AND /*others*/
/*narrowed*/;
