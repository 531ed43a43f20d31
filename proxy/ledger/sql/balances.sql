-- One kind of question about balances: what was spent by the values that its budgets ask about. A call is one
-- row, as in every report; one that was refused before any rule was asked counts in none.
SELECT
    /*kind*/ AS kind, [/*values*/]::VARCHAR[] AS dimension_values, bucket,
    coalesce(cost, 0), coalesce(own_cost, 0), coalesce(tokens, 0), coalesce(own_tokens, 0),
    settled, own_settled, refused_calls, own_refused
FROM (
    SELECT
        /*columns*/
        /*bucket*/ AS bucket,
        sum(cost_pico) AS cost,
        sum(cost_pico) FILTER (WHERE own) AS own_cost,
        sum(tokens) AS tokens,
        sum(tokens) FILTER (WHERE own) AS own_tokens,
        count(*) FILTER (WHERE NOT refused) AS settled,
        count(*) FILTER (WHERE NOT refused AND own) AS own_settled,
        count(*) FILTER (WHERE refused AND len(matched) > 0) AS refused_calls,
        count(*) FILTER (WHERE refused AND len(matched) > 0 AND own) AS own_refused
    FROM (
        SELECT
            *,
            node = $node AS own,
            input_text::HUGEINT + input_audio + input_image + cache_read + cache_read_audio + cache_write_5m
                + cache_write_1h + output_text + reasoning + output_audio + output_image AS tokens
        FROM calls
        WHERE opened_us >= /*since*/ AND opened_us < /*until*/ AND operation NOT IN (/*free*/) /*narrowed*/
    )
    GROUP BY ALL
    LIMIT /*groups_max*/
)
