-- Price uses: calls by what they were priced as, price and slot of time. Of each kind that occurs, the sum of quantities
-- and of costs, and the largest of each: at one price they are one call's, and tell the rate.
SELECT
    provider,
    CASE served_model WHEN '' THEN model ELSE served_model END,
    model,
    variant,
    price_id,
    opened_us // $slot_us,
    min(opened_us),
    max(opened_us),
    count(*),
    count(*) FILTER (WHERE unpriced)
    /*kinds*/
FROM calls
WHERE load <= $horizon AND opened_us >= $since_us AND opened_us < $until_us AND NOT refused AND price_id <> ''
/*narrowed*/
GROUP BY ALL
LIMIT $rows_max + 1;
