    -- Calls of the part of a quarter of an hour that is in the period.
    UNION ALL BY NAME
    SELECT * FROM (SELECT *, 1 AS calls FROM calls) WHERE opened_us >= /*from*/ AND opened_us < /*to*/
