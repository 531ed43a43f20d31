-- Everything that two tables say of a time: what must not change when calls are rolled up.
SELECT
    coalesce(sum(/*calls*/), 0),
    coalesce(sum(/*calls*/) FILTER (WHERE refused), 0),
    coalesce(sum(input_text), 0), coalesce(sum(input_audio), 0), coalesce(sum(input_image), 0),
    coalesce(sum(cache_read), 0), coalesce(sum(cache_read_audio), 0), coalesce(sum(cache_write_5m), 0),
    coalesce(sum(cache_write_1h), 0), coalesce(sum(output_text), 0), coalesce(sum(reasoning), 0),
    coalesce(sum(output_audio), 0), coalesce(sum(output_image), 0), coalesce(sum(web_search), 0),
    coalesce(sum(input_audio_ms), 0), coalesce(sum(input_characters), 0), coalesce(sum(output_images), 0),
    coalesce(sum(cost_pico), 0), coalesce(sum(cost_input_text), 0), coalesce(sum(cost_input_audio), 0),
    coalesce(sum(cost_input_image), 0), coalesce(sum(cost_cache_read), 0),
    coalesce(sum(cost_cache_read_audio), 0), coalesce(sum(cost_cache_write_5m), 0),
    coalesce(sum(cost_cache_write_1h), 0), coalesce(sum(cost_output_text), 0),
    coalesce(sum(cost_reasoning), 0), coalesce(sum(cost_output_audio), 0), coalesce(sum(cost_output_image), 0),
    coalesce(sum(cost_web_search), 0), coalesce(sum(cost_input_audio_ms), 0),
    coalesce(sum(cost_input_characters), 0), coalesce(sum(cost_output_images), 0)
FROM /*table*/
WHERE opened_us >= $since_us AND opened_us < $until_us
