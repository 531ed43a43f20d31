-- What budgets turned away in their windows, by the values that their accounts hang on; those in shadow mode apart, with
-- what the calls cost that went on. Lines from before a refusal named its budget have the name in their message.
WITH windows AS (
    SELECT unnest($budgets::VARCHAR[]) AS budget, unnest($sinces::BIGINT[]) AS since_us, unnest($untils::BIGINT[]) AS until_us
),
asked AS (
    SELECT *
    FROM (
        SELECT
            * EXCLUDE (squeezed), 1 AS calls,
            coalesce(
                nullif(squeezed[-1].budget, ''), regexp_extract(message, '^The budget ''(.*?)''(?: of [a-z]| \()', 1)
            ) AS refused_by
        FROM calls
        UNION ALL BY NAME
        SELECT * FROM calls_rolled
    )
    WHERE opened_us >= $since_us AND opened_us < $until_us AND (refused OR len(shadow) > 0)
),
told AS (
    SELECT *, refused_by AS budget, 1 AS enforced
    FROM asked
    WHERE refused
    UNION ALL BY NAME
    SELECT * EXCLUDE (said), regexp_extract(said, '^(.*): (?:refuse|throttle)$', 1) AS budget, 0 AS enforced
    FROM (SELECT *, unnest(shadow) AS said FROM asked)
)
SELECT
    told.budget, windows.since_us, [/*values*/]::VARCHAR[] AS dimension_values,
    sum(enforced * calls), sum((1 - enforced) * calls), coalesce(sum(cost_pico) FILTER (WHERE enforced = 0), 0)
FROM told
JOIN windows ON told.budget = windows.budget AND opened_us >= windows.since_us AND opened_us < windows.until_us
GROUP BY ALL
LIMIT /*groups_max*/
