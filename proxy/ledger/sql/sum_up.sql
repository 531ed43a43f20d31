-- What calls add up to: of one load, of some quarters of an hour as they are now, or the sums of some loads as one for
-- each quarter.
INSERT INTO /*table*/ BY NAME
SELECT
    /*load*/ AS load, opened_us // $slot_us * $slot_us AS opened_us,
    dialect, operation, provider, account, model, key_id, owner, owner_kind, team, project, cost_center, purpose,
    policy, repository, client, stream, refused, reason, rule, outcome, status, served_model, service_tier, region,
    speed, variant, price_id, unpriced, estimated,
    sum(calls)::BIGINT AS calls,
    sum(input_text) AS input_text, sum(input_audio) AS input_audio, sum(input_image) AS input_image,
    sum(cache_read) AS cache_read, sum(cache_read_audio) AS cache_read_audio, sum(cache_write_5m) AS cache_write_5m,
    sum(cache_write_1h) AS cache_write_1h, sum(output_text) AS output_text, sum(reasoning) AS reasoning,
    sum(output_audio) AS output_audio, sum(output_image) AS output_image, sum(cost_pico) AS cost_pico
FROM /*source*/
WHERE /*which*/
GROUP BY ALL
/*order*/
