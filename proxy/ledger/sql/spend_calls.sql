(
    -- Calls with what those that were dropped add up to; of these, what names single calls is NULL, and no report may
    -- ask for it (ledger/kept.py).
    SELECT *, 1 AS calls FROM calls
    UNION ALL BY NAME
    SELECT 0 AS load, * FROM calls_rolled
) AS calls
