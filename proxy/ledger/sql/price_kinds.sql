-- Which kinds of usage a report of prices has to do with: the largest quantity of each.
SELECT /*kinds*/
FROM calls
WHERE load <= $horizon AND opened_us >= $since_us AND opened_us < $until_us AND NOT refused AND price_id <> ''
/*narrowed*/;
