-- When the calls that a load has named were admitted, as their ids tell: from the first to an hour behind the last.
SELECT min(made_us), max(CASE made_us WHEN 0 THEN $ever_us ELSE made_us + $within_us END)
FROM (
    SELECT
        CASE
            WHEN regexp_full_match(call_id, 'call_[0-9a-f]{32}') THEN ('0x' || call_id[6:17])::BIGINT * 1000
            ELSE 0
        END AS made_us
    FROM attributions
    WHERE load = $load
);
