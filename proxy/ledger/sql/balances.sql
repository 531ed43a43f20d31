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
        coalesce(sum(calls) FILTER (WHERE NOT refused), 0) AS settled,
        coalesce(sum(calls) FILTER (WHERE NOT refused AND own), 0) AS own_settled,
        coalesce(sum(calls) FILTER (WHERE refused AND ruled), 0) AS refused_calls,
        coalesce(sum(calls) FILTER (WHERE refused AND ruled AND own), 0) AS own_refused
    FROM (
        SELECT
            *,
            node = $node AS own,
            input_text::HUGEINT + input_audio + input_image + cache_read + cache_read_audio + cache_write_5m
                + cache_write_1h + output_text + reasoning + output_audio + output_image AS tokens
        FROM (
            SELECT *, len(matched) > 0 AS ruled, 1 AS calls FROM calls
            UNION ALL BY NAME
            -- Sums count at the end of their quarter of an hour: in a rolling window no later than they should.
            SELECT * REPLACE (opened_us + 899999999 AS opened_us) FROM calls_rolled
        )
        WHERE opened_us >= /*since*/ AND opened_us < /*until*/ AND operation NOT IN (/*free*/) /*narrowed*/
    )
    GROUP BY ALL
    LIMIT /*groups_max*/
)
