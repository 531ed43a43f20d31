(
    -- Whole quarters of an hour as sums, and of those at the borders of the period the calls one by one.
    SELECT * FROM summed WHERE opened_us >= $first_us AND opened_us < $last_us
    UNION ALL
    SELECT * FROM summed_lately WHERE opened_us >= $first_us AND opened_us < $last_us
    /*edges*/
) AS calls
