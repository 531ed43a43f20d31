-- The facts of a replay: rows of calls in the order of their admission, behind sums of what was spent before them.
-- Calls refused for what they were, and not by a rule, are left out: no policy would let them pass.
WITH facts AS (
    SELECT
        opened_us, settled_us, node, boot, number, line_offset,
        owner AS "user", team, project, key_id AS "key", provider, model, dialect, cost_center, purpose, operation,
        client, tags,
        stream, refused,
        starts_with(id, 'job_') AS job,
        coalesce(ask.free = 1, price_id = 'free') AS free,
        unpriced OR coalesce(ask.unpriced = 1, false) AS unpriced,
        coalesce(ask.unlimitable = 1, false) AS unlimitable,
        cost_pico,
        input_text + input_audio + input_image + cache_read + cache_read_audio + cache_write_5m + cache_write_1h
            AS prompt_tokens,
        output_text + reasoning + output_audio + output_image AS output_tokens,
        ask,
        {
            input_text: input_text, input_audio: input_audio, input_image: input_image, cache_read: cache_read,
            cache_read_audio: cache_read_audio, cache_write_5m: cache_write_5m, cache_write_1h: cache_write_1h,
            output_text: output_text, reasoning: reasoning, output_audio: output_audio, output_image: output_image,
            web_search: web_search, input_audio_ms: input_audio_ms, input_characters: input_characters,
            output_images: output_images
        } AS usage,
        {service_tier: service_tier, region: region, speed: speed, variant: variant} AS served
    FROM calls
    WHERE opened_us < $until_us
        AND (
            NOT refused
            OR (len(matched) > 0 AND reason IN ('refused_by_policy', 'rate_limited', 'model_without_price'))
        )
)
SELECT
    false AS replayed,
    CASE
        WHEN opened_us >= $minutes_since_us THEN opened_us // $minute_us * $minute_us
        WHEN opened_us >= $quarters_since_us THEN opened_us // $quarter_us * $quarter_us
        ELSE opened_us // $old_us * $old_us
    END AS opened_us,
    0::BIGINT AS settled_us,
    "user", team, project, "key", provider, model, dialect, cost_center, purpose, operation, client, tags,
    false AS stream, false AS refused, false AS job, false AS free, false AS unpriced, false AS unlimitable,
    sum(cost_pico)::BIGINT AS cost_pico,
    sum(prompt_tokens + output_tokens)::BIGINT AS tokens,
    count(*) FILTER (WHERE NOT refused)::BIGINT AS calls,
    count(*) FILTER (WHERE refused)::BIGINT AS refused_calls,
    0::BIGINT AS hold_pico, 0::BIGINT AS hold_input, 0::BIGINT AS hold_output, 0::BIGINT AS expected_tokens,
    ''::VARCHAR AS ask, ''::VARCHAR AS usage, ''::VARCHAR AS served,
    ''::VARCHAR AS node, 0::BIGINT AS boot, 0::BIGINT AS number, 0::BIGINT AS line_offset
FROM facts
WHERE opened_us < $since_us
GROUP BY ALL
UNION ALL
SELECT
    true, opened_us, settled_us,
    "user", team, project, "key", provider, model, dialect, cost_center, purpose, operation, client, tags,
    stream, refused, job, free, unpriced, unlimitable,
    cost_pico, prompt_tokens + output_tokens, 1 - refused::BIGINT, refused::BIGINT,
    coalesce(ask.hold_pico, cost_pico), coalesce(ask.hold_input, prompt_tokens),
    coalesce(ask.hold_output, output_tokens), coalesce(ask.expected, prompt_tokens + output_tokens),
    coalesce(to_json(ask)::VARCHAR, ''), to_json(usage)::VARCHAR, to_json(served)::VARCHAR,
    node, boot, number, line_offset
FROM facts
WHERE opened_us >= $since_us
ORDER BY replayed, opened_us, node, boot, number, line_offset
