(
    -- All calls as if none repeated earlier work; those that do are taken out of these, and stand there as what they are.
    -- So few are read one by one, and every sum is as if all were.
    SELECT
        *, '' AS fate, '' AS waste_class, '' AS campaign, '' AS waste_action, '' AS exemption, 0 AS saved_pico
    FROM /*all*/
    UNION ALL BY NAME
    SELECT
        * EXCLUDE (sign) REPLACE (
            sign * calls AS calls, sign * cost_pico AS cost_pico,
            CASE sign WHEN 1 THEN fate ELSE '' END AS fate,
            CASE sign WHEN 1 THEN waste_class ELSE '' END AS waste_class,
            CASE sign WHEN 1 THEN campaign ELSE '' END AS campaign,
            CASE sign WHEN 1 THEN waste_action ELSE '' END AS waste_action,
            CASE sign WHEN 1 THEN exemption ELSE '' END AS exemption
        )
    FROM /*marked*/, (VALUES (1), (-1)) AS counted(sign)
) AS calls
