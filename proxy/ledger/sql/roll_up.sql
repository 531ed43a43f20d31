-- What the calls of some quarters of an hour add up to. A refusal's budget is found as the budgets report finds it.
INSERT INTO calls_rolled BY NAME
SELECT
    calls.opened_us // $slot_us * $slot_us AS opened_us,
    node, dialect, operation, provider, account, model, key_id, owner, owner_kind, team, project, cost_center,
    purpose, policy, repository, client, tags, stream, refused, reason, rule,
    len(matched) > 0 AS ruled,
    CASE WHEN refused THEN coalesce(
        nullif(squeezed[-1].budget, ''), regexp_extract(message, '^The budget ''(.*?)''(?: of [a-z]| \()', 1)
    ) ELSE '' END AS refused_by,
    shadow, outcome, status, served_model, service_tier, region, speed, variant, price_id, unpriced, estimated,
    count(*) AS calls,
    sum(input_text)::BIGINT AS input_text, sum(input_audio)::BIGINT AS input_audio,
    sum(input_image)::BIGINT AS input_image, sum(cache_read)::BIGINT AS cache_read,
    sum(cache_read_audio)::BIGINT AS cache_read_audio, sum(cache_write_5m)::BIGINT AS cache_write_5m,
    sum(cache_write_1h)::BIGINT AS cache_write_1h, sum(output_text)::BIGINT AS output_text,
    sum(reasoning)::BIGINT AS reasoning, sum(output_audio)::BIGINT AS output_audio,
    sum(output_image)::BIGINT AS output_image, sum(web_search)::BIGINT AS web_search,
    sum(input_audio_ms)::BIGINT AS input_audio_ms, sum(input_characters)::BIGINT AS input_characters,
    sum(output_images)::BIGINT AS output_images, sum(cost_pico)::BIGINT AS cost_pico,
    sum(cost_input_text)::BIGINT AS cost_input_text, sum(cost_input_audio)::BIGINT AS cost_input_audio,
    sum(cost_input_image)::BIGINT AS cost_input_image, sum(cost_cache_read)::BIGINT AS cost_cache_read,
    sum(cost_cache_read_audio)::BIGINT AS cost_cache_read_audio,
    sum(cost_cache_write_5m)::BIGINT AS cost_cache_write_5m,
    sum(cost_cache_write_1h)::BIGINT AS cost_cache_write_1h, sum(cost_output_text)::BIGINT AS cost_output_text,
    sum(cost_reasoning)::BIGINT AS cost_reasoning, sum(cost_output_audio)::BIGINT AS cost_output_audio,
    sum(cost_output_image)::BIGINT AS cost_output_image, sum(cost_web_search)::BIGINT AS cost_web_search,
    sum(cost_input_audio_ms)::BIGINT AS cost_input_audio_ms,
    sum(cost_input_characters)::BIGINT AS cost_input_characters,
    sum(cost_output_images)::BIGINT AS cost_output_images
FROM calls
WHERE calls.opened_us >= $since_us AND calls.opened_us < $until_us
GROUP BY ALL
