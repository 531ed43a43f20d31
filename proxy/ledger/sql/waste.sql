-- Waste: what calls that repeat earlier work cost, and what was avoided, by whatever was asked for. Each call counts
-- once, by its fate (waste_marked.sql adds some and takes them away); the last figure, by which rows are put in order, is
-- the sum of the two kinds of waste.
SELECT
    /*dimensions*/
    coalesce(sum(calls) FILTER (WHERE NOT refused), 0),
    coalesce(sum(cost_pico), 0),
    coalesce(sum(calls) FILTER (WHERE fate = 'attributed'), 0),
    coalesce(sum(cost_pico) FILTER (WHERE fate = 'attributed'), 0),
    coalesce(sum(calls) FILTER (WHERE fate = 'exempted'), 0),
    coalesce(sum(cost_pico) FILTER (WHERE fate = 'exempted'), 0),
    coalesce(sum(calls) FILTER (WHERE fate = 'served'), 0),
    coalesce(sum(saved_pico) FILTER (WHERE fate = 'served'), 0),
    coalesce(sum(calls) FILTER (WHERE fate = 'coalesced'), 0),
    coalesce(sum(saved_pico) FILTER (WHERE fate = 'coalesced'), 0),
    coalesce(sum(calls) FILTER (WHERE fate = 'refused'), 0),
    coalesce(sum(saved_pico) FILTER (WHERE fate = 'refused'), 0),
    coalesce(sum(calls) FILTER (WHERE fate IN ('redundant', 'attributed')), 0),
    coalesce(sum(cost_pico) FILTER (WHERE fate IN ('redundant', 'attributed')), 0)
FROM /*source*/
/*buckets*/
WHERE load <= $horizon AND opened_us >= $since_us AND opened_us < $until_us
/*narrowed*/
GROUP BY ALL
/*having*/
LIMIT $rows_max + 1;
