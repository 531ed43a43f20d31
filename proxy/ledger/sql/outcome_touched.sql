-- Weeks of calls that came after one load and up to another.
SELECT DISTINCT (opened_us - $monday_us) // $week_us * $week_us + $monday_us
FROM calls
WHERE load > $after AND load <= $horizon AND NOT refused
ORDER BY 1
