-- Calls in flight by the month (UTC) of their admission.
SELECT date_trunc('month', make_timestamp(opened_us)) AS month, count(*), sum(hold_pico)
FROM open_calls
GROUP BY ALL
ORDER BY month
