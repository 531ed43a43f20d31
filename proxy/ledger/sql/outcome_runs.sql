-- Spend on running products, by week.
SELECT (opened_us - $monday_us) // $week_us * $week_us + $monday_us, team, project, sum(cost_pico), count(*)
FROM calls
WHERE load <= $horizon AND NOT refused AND purpose = 'run'
GROUP BY ALL;
