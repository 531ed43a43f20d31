-- What calls add up to by the quarter of an hour, where every hour, day and month of every zone begins, and by everything
-- that a spend report is asked for and that many calls share: all but tags. Written in the transaction that brings
-- the calls, so that both always say the same; reports read these few rows instead of all calls.
CREATE TABLE summed (
    load                 BIGINT NOT NULL,   -- the newest transaction that brought one of the calls
    opened_us            BIGINT NOT NULL,   -- where the quarter of an hour begins, microseconds since the epoch, UTC
    dialect              VARCHAR NOT NULL,
    operation            VARCHAR NOT NULL,
    provider             VARCHAR NOT NULL,
    account              VARCHAR NOT NULL,
    model                VARCHAR NOT NULL,
    key_id               VARCHAR NOT NULL,
    owner                VARCHAR NOT NULL,
    owner_kind           VARCHAR NOT NULL,
    team                 VARCHAR NOT NULL,
    project              VARCHAR NOT NULL,
    cost_center          VARCHAR NOT NULL,
    purpose              VARCHAR NOT NULL,
    policy               VARCHAR NOT NULL,
    repository           VARCHAR NOT NULL,
    client               VARCHAR NOT NULL,
    stream               BOOLEAN NOT NULL,
    refused              BOOLEAN NOT NULL,
    reason               VARCHAR NOT NULL,
    rule                 VARCHAR NOT NULL,
    outcome              VARCHAR NOT NULL,
    status               BIGINT NOT NULL,
    served_model         VARCHAR NOT NULL,
    service_tier         VARCHAR NOT NULL,
    region               VARCHAR NOT NULL,
    speed                VARCHAR NOT NULL,
    variant              VARCHAR NOT NULL,
    price_id             VARCHAR NOT NULL,
    unpriced             BOOLEAN NOT NULL,
    estimated            BOOLEAN NOT NULL,
    calls                BIGINT NOT NULL,   -- how many they are; what follows are their sums
    input_text           HUGEINT NOT NULL,
    input_audio          HUGEINT NOT NULL,
    input_image          HUGEINT NOT NULL,
    cache_read           HUGEINT NOT NULL,
    cache_read_audio     HUGEINT NOT NULL,
    cache_write_5m       HUGEINT NOT NULL,
    cache_write_1h       HUGEINT NOT NULL,
    output_text          HUGEINT NOT NULL,
    reasoning            HUGEINT NOT NULL,
    output_audio         HUGEINT NOT NULL,
    output_image         HUGEINT NOT NULL,
    cost_pico            HUGEINT NOT NULL
);

-- The same of the last loads, each by itself: a report that runs reads up to one of them. Some minutes later they are
-- merged into the rows above.
CREATE TABLE summed_lately AS FROM summed;

-- Of everything that is there already.
INSERT INTO summed BY NAME
SELECT
    0 AS load, opened_us // 900000000 * 900000000 AS opened_us,
    dialect, operation, provider, account, model, key_id, owner, owner_kind, team, project, cost_center, purpose,
    policy, repository, client, stream, refused, reason, rule, outcome, status, served_model, service_tier, region,
    speed, variant, price_id, unpriced, estimated,
    sum(calls)::BIGINT AS calls,
    sum(input_text) AS input_text, sum(input_audio) AS input_audio, sum(input_image) AS input_image,
    sum(cache_read) AS cache_read, sum(cache_read_audio) AS cache_read_audio, sum(cache_write_5m) AS cache_write_5m,
    sum(cache_write_1h) AS cache_write_1h, sum(output_text) AS output_text, sum(reasoning) AS reasoning,
    sum(output_audio) AS output_audio, sum(output_image) AS output_image, sum(cost_pico) AS cost_pico
FROM (
    SELECT *, 1 AS calls FROM calls
    UNION ALL BY NAME
    SELECT * FROM calls_rolled
)
GROUP BY ALL
ORDER BY opened_us;
