-- What calls admitted before a time used and cost, by month (UTC) and what a statement has rows for. Meters stand side by
-- side: quantity and cost of each.
SELECT
    date_trunc('month', make_timestamp(opened_us)), project, team, cost_center, purpose, provider,
    CASE served_model WHEN '' THEN model ELSE served_model END, price_id,
    sum(calls), sum(cost_pico)
    /*meters*/
FROM /*source*/
WHERE NOT refused AND opened_us < $until_us
GROUP BY ALL
LIMIT $rows_max + 1
