-- Joined to calls: which bucket of time a call falls into. The borders come as numbers, and each lies on a quarter of
-- an hour; so a bucket is a run of quarters, and the join a look-up by quarter.
JOIN (
    SELECT /*unit*/_n, unnest(range(/*unit*/_start // $slot_us, /*unit*/_end // $slot_us)) AS /*unit*/_slot
    FROM (
        SELECT
            unnest(range(len($/*unit*/_starts))) AS /*unit*/_n,
            unnest($/*unit*/_starts) AS /*unit*/_start,
            unnest($/*unit*/_ends) AS /*unit*/_end
    )
) AS /*unit*/_bucket ON opened_us // $slot_us = /*unit*/_slot
