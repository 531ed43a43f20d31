-- Campaigns: runs of calls that are waste, in order of time. A name stands where all calls of a run have it in common.
-- The newest calls of each run come along, with the calls that they repeat.
SELECT
    shown, waste_class, count(DISTINCT campaign), count(*), sum(cost_pico), min(opened_us), max(opened_us),
    CASE WHEN min(project) = max(project) THEN min(project) ELSE '' END,
    CASE WHEN min(served) = max(served) THEN min(served) ELSE '' END,
    CASE WHEN NOT folded AND min(session) = max(session) THEN min(session) ELSE '' END,
    CASE WHEN NOT folded AND min(agent) = max(agent) THEN min(agent) ELSE '' END,
    CASE WHEN folded THEN [] ELSE max(example, $examples) END
FROM (
    SELECT
        *,
        CASE served_model WHEN '' THEN model ELSE served_model END AS served,
        /*folded*/ AS folded,
        CASE WHEN folded THEN $other_people ELSE campaign END AS shown,
        {'opened_us': opened_us, 'id': id, 'cost_pico': cost_pico, 'repeats': repeats} AS example
    FROM /*source*/
    WHERE load <= $horizon AND opened_us >= $since_us AND opened_us < $until_us
        AND fate IN ('redundant', 'attributed')
    /*narrowed*/
)
GROUP BY shown, waste_class, folded
ORDER BY min(opened_us), shown, waste_class
LIMIT $rows_max + 1;
