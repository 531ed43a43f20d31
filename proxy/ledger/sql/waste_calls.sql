(
    -- Calls with what became of each because of redundancy: one of these fates, or ''. What was found when a call was
    -- made stays. One that was put to a run of redundant ones only after it had ended has the class and the run of the
    -- most certain kind of waste that it was named for, and of these the latest.
    SELECT
        calls.*, 1 AS calls,
        -- The most certain word on it, of all that were said by then.
        least(later.said, CASE WHEN calls.said.load <= $horizon AND calls.said.at_us >= $since_us
            AND calls.said.at_us < $as_of_us THEN {
                'rank': coalesce(list_position($classes, calls.said.waste_class), 99), 'ago_us': -calls.said.at_us,
                'campaign': calls.said.campaign, 'waste_class': calls.said.waste_class
            }
        END) AS word,
        CASE
            WHEN refused THEN CASE WHEN found.action IN ('refused', 'throttled', 'justify') THEN 'refused' ELSE '' END
            WHEN found.action IN ('served', 'coalesced') THEN found.action
            WHEN found.exempted = 'justified' THEN 'exempted'
            WHEN found.flagged = 1 THEN 'redundant'
            WHEN word IS NOT NULL THEN 'attributed'
            WHEN found.exempted <> '' THEN 'exempted'
            ELSE ''
        END AS fate,
        CASE fate WHEN '' THEN '' WHEN 'attributed' THEN word['waste_class'] ELSE coalesce(found.class, '') END
            AS waste_class,
        CASE fate WHEN '' THEN '' WHEN 'attributed' THEN word['campaign'] ELSE coalesce(found.campaign, '') END
            AS campaign,
        coalesce(found.action, '') AS waste_action,
        CASE fate WHEN 'exempted' THEN found.exempted ELSE '' END AS exemption,
        -- Whom a rule told to wait may have come again: nothing is known to be saved.
        CASE
            WHEN found.action = 'throttled' THEN 0
            ELSE coalesce(nullif(found.saved_pico, 0), answered.cost_pico, 0)
        END AS saved_pico
    FROM /*calls*/ AS calls
    LEFT JOIN (
        SELECT
            call_id,
            min({
                'rank': coalesce(list_position($classes, waste_class), 99), 'ago_us': -at_us,
                'campaign': campaign, 'waste_class': waste_class
            }) AS said
        FROM /*named*/
        WHERE load <= $horizon AND at_us >= $since_us AND at_us < $as_of_us
        GROUP BY call_id
    ) AS later ON later.call_id = calls.id
    LEFT JOIN (
        -- What each call that was turned away would have cost: as much as the newest answered call that it repeats.
        SELECT turned.id, arg_max(earlier.cost_pico, turned.place) AS cost_pico
        FROM (
            SELECT id, unnest(repeats) AS earlier_id, generate_subscripts(repeats, 1) AS place
            FROM marked
            WHERE opened_us >= $since_us AND opened_us < $until_us
                AND refused AND found.action IN ('refused', 'justify') AND coalesce(found.saved_pico, 0) = 0
        ) AS turned
        JOIN calls AS earlier ON earlier.id = turned.earlier_id
        WHERE NOT earlier.refused AND earlier.cost_pico > 0
            AND earlier.opened_us >= $since_us - $look_back_us AND earlier.opened_us < $until_us
        GROUP BY turned.id
    ) AS answered ON answered.id = calls.id AND calls.refused
    WHERE settled_us < $as_of_us
) AS calls
