-- Spend: figures of the calls admitted in [since, until), by whatever was asked for. Sums are taken kind by kind,
-- because they widen and single values don't.
SELECT
    /*dimensions*/
    coalesce(sum(calls) FILTER (WHERE NOT refused), 0),
    coalesce(sum(calls) FILTER (WHERE refused), 0),
    coalesce(sum(input_text) + sum(input_audio) + sum(input_image), 0),
    coalesce(sum(cache_read) + sum(cache_read_audio), 0),
    coalesce(sum(cache_write_5m) + sum(cache_write_1h), 0),
    coalesce(sum(output_text) + sum(reasoning) + sum(output_audio) + sum(output_image), 0),
    coalesce(sum(reasoning), 0),
    coalesce(sum(calls) FILTER (WHERE estimated), 0),
    coalesce(sum(calls) FILTER (WHERE unpriced), 0),
    coalesce(sum(cost_pico), 0)
FROM /*source*/
/*buckets*/
WHERE load <= $horizon AND opened_us >= $since_us AND opened_us < $until_us
/*narrowed*/
GROUP BY ALL
LIMIT $rows_max + 1;
