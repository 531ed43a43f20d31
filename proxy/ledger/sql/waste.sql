-- Waste: what calls that repeat earlier work cost, and what was avoided, by whatever was asked for. Each call counts
-- once, by its fate; the last figure, by which rows are put in order, is the sum of the two kinds of waste.
SELECT
    /*dimensions*/
    count(*) FILTER (WHERE NOT refused),
    coalesce(sum(cost_pico), 0),
    count(*) FILTER (WHERE fate = 'attributed'),
    coalesce(sum(cost_pico) FILTER (WHERE fate = 'attributed'), 0),
    count(*) FILTER (WHERE fate = 'exempted'),
    coalesce(sum(cost_pico) FILTER (WHERE fate = 'exempted'), 0),
    count(*) FILTER (WHERE fate = 'served'),
    coalesce(sum(saved_pico) FILTER (WHERE fate = 'served'), 0),
    count(*) FILTER (WHERE fate = 'coalesced'),
    coalesce(sum(saved_pico) FILTER (WHERE fate = 'coalesced'), 0),
    count(*) FILTER (WHERE fate = 'refused'),
    coalesce(sum(saved_pico) FILTER (WHERE fate = 'refused'), 0),
    count(*) FILTER (WHERE fate IN ('redundant', 'attributed')),
    coalesce(sum(cost_pico) FILTER (WHERE fate IN ('redundant', 'attributed')), 0)
FROM /*source*/
/*buckets*/
WHERE load <= $horizon AND opened_us >= $since_us AND opened_us < $until_us
/*narrowed*/
GROUP BY ALL
LIMIT $rows_max + 1;
