-- Spend: figures of the calls admitted in [since, until), by whatever was asked for. Sums are taken kind by kind,
-- because they widen and single values don't.
SELECT
    /*dimensions*/
    count(*) FILTER (WHERE NOT refused),
    count(*) FILTER (WHERE refused),
    coalesce(sum(input_text) + sum(input_audio) + sum(input_image), 0),
    coalesce(sum(cache_read) + sum(cache_read_audio), 0),
    coalesce(sum(cache_write_5m) + sum(cache_write_1h), 0),
    coalesce(sum(output_text) + sum(reasoning) + sum(output_audio) + sum(output_image), 0),
    coalesce(sum(reasoning), 0),
    count(*) FILTER (WHERE estimated),
    count(*) FILTER (WHERE unpriced),
    coalesce(sum(cost_pico), 0)
FROM /*source*/
/*buckets*/
WHERE load <= $horizon AND opened_us >= $since_us AND opened_us < $until_us
/*narrowed*/
GROUP BY ALL
LIMIT $rows_max + 1;
