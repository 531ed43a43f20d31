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
        ask.sent IS NOT NULL AS moved,
        found.class IS NOT NULL AND coalesce(found.action, '') NOT IN ('served', 'coalesced') AS redundant,
        to_json(found.class) AS found_class,
        to_json([found.score, found.flagged, found.age_us, (justification != '')::BIGINT]) AS found_numbers,
        cost_pico,
        input_text + input_audio + input_image + cache_read + cache_read_audio + cache_write_5m + cache_write_1h
            AS prompt_tokens,
        output_text + reasoning + output_audio + output_image AS output_tokens,
        ask,
        -- What few calls need, in the order that proxy/replay/details.py reads it.
        to_json([
            ask.hold_pico, ask.hold_input, ask.hold_output, ask.expected, ask.input_bytes, ask.output_max,
            ask.thinking_max, ask.unseen, ask.choices, ask.searches, ask.background, ask.spoken, ask.unpriced,
            ask.free, ask.unlimitable, ask.input_audio, ask.input_image, ask.output_audio, ask.output_image,
            ask.input_audio_ms, ask.input_characters, ask.output_images
        ]) AS asked,
        to_json([
            ask.tier, ask.region, ask.speed, ask.variant, ask.sent
        ]) AS asked_names,
        to_json([
            input_text, input_audio, input_image, cache_read, cache_read_audio, cache_write_5m, cache_write_1h,
            output_text, reasoning, output_audio, output_image, web_search, input_audio_ms, input_characters,
            output_images
        ]) AS usage,
        to_json([service_tier, region, speed, variant]) AS served
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
    false AS moved, false AS redundant,
    sum(cost_pico)::BIGINT AS cost_pico,
    sum(prompt_tokens + output_tokens)::BIGINT AS tokens,
    count(*) FILTER (WHERE NOT refused)::BIGINT AS calls,
    count(*) FILTER (WHERE refused)::BIGINT AS refused_calls,
    0::BIGINT AS hold_pico, 0::BIGINT AS hold_input, 0::BIGINT AS hold_output, 0::BIGINT AS expected_tokens,
    0::BIGINT AS output_max, 0::BIGINT AS context_tokens,
    ''::VARCHAR AS details,
    ''::VARCHAR AS node, 0::BIGINT AS boot, 0::BIGINT AS number, 0::BIGINT AS line_offset
FROM facts
WHERE opened_us < $since_us
GROUP BY ALL
UNION ALL
-- What was dropped is known by the quarter of an hour, and lies before every replay.
SELECT
    false,
    CASE WHEN opened_us >= $quarters_since_us THEN opened_us ELSE opened_us // $old_us * $old_us END AS opened_us,
    0, owner, team, project, key_id, provider, model, dialect, cost_center, purpose, operation, client, tags,
    false, false, false, false, false, false, false, false,
    sum(cost_pico)::BIGINT,
    sum(
        input_text + input_audio + input_image + cache_read + cache_read_audio + cache_write_5m + cache_write_1h
        + output_text + reasoning + output_audio + output_image
    )::BIGINT,
    coalesce(sum(calls) FILTER (WHERE NOT refused), 0)::BIGINT, coalesce(sum(calls) FILTER (WHERE refused), 0)::BIGINT,
    0, 0, 0, 0, 0, 0, '', '', 0, 0, 0
FROM calls_rolled
WHERE NOT refused OR (ruled AND reason IN ('refused_by_policy', 'rate_limited', 'model_without_price'))
GROUP BY ALL
UNION ALL
SELECT
    true, opened_us, settled_us,
    "user", team, project, "key", provider, model, dialect, cost_center, purpose, operation, client, tags,
    stream, refused, job, free, unpriced, unlimitable, moved, redundant,
    cost_pico, prompt_tokens + output_tokens, 1 - refused::BIGINT, refused::BIGINT,
    coalesce(ask.hold_pico, cost_pico), coalesce(ask.hold_input, prompt_tokens),
    coalesce(ask.hold_output, output_tokens), coalesce(ask.expected, prompt_tokens + output_tokens),
    coalesce(ask.output_max, -1), coalesce(ask.input_bytes // 4 + coalesce(ask.unseen, 0), prompt_tokens // 4),
    CASE WHEN ask IS NULL THEN '[null,null,' ELSE '[' || asked || ',' || asked_names || ',' END
        || usage || ',' || served || ']'
        -- On a line of its own, where there is something (details.FOUND).
        || CASE WHEN redundant THEN chr(10) || '[' || found_class || ',' || found_numbers[2:] ELSE '' END,
    node, boot, number, line_offset
FROM facts
WHERE opened_us >= $since_us
ORDER BY replayed, opened_us, node, boot, number, line_offset
