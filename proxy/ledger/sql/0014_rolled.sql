-- What single calls that were dropped add up to: by quarter of an hour, where every hour, day and month of every zone
-- begins, and by what money is reported and budgeted by. Together with the calls that are left this is all there ever was.
CREATE TABLE calls_rolled (
    opened_us            BIGINT NOT NULL,   -- where the quarter of an hour begins, microseconds since the epoch, UTC
    node                 VARCHAR NOT NULL,
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
    tags                 MAP(VARCHAR, VARCHAR) NOT NULL,
    stream               BOOLEAN NOT NULL,
    refused              BOOLEAN NOT NULL,
    reason               VARCHAR NOT NULL,
    rule                 VARCHAR NOT NULL,
    ruled                BOOLEAN NOT NULL,           -- a rule was asked: what of refused calls budgets may count
    refused_by           VARCHAR NOT NULL,           -- the budget that refused it, '' for none
    shadow               VARCHAR[] NOT NULL,
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
    calls                BIGINT NOT NULL,            -- how many they were; what follows are their sums
    input_text           BIGINT NOT NULL,
    input_audio          BIGINT NOT NULL,
    input_image          BIGINT NOT NULL,
    cache_read           BIGINT NOT NULL,
    cache_read_audio     BIGINT NOT NULL,
    cache_write_5m       BIGINT NOT NULL,
    cache_write_1h       BIGINT NOT NULL,
    output_text          BIGINT NOT NULL,
    reasoning            BIGINT NOT NULL,
    output_audio         BIGINT NOT NULL,
    output_image         BIGINT NOT NULL,
    web_search           BIGINT NOT NULL,
    input_audio_ms       BIGINT NOT NULL,
    input_characters     BIGINT NOT NULL,
    output_images        BIGINT NOT NULL,
    cost_pico            BIGINT NOT NULL,
    cost_input_text      BIGINT NOT NULL,
    cost_input_audio     BIGINT NOT NULL,
    cost_input_image     BIGINT NOT NULL,
    cost_cache_read      BIGINT NOT NULL,
    cost_cache_read_audio BIGINT NOT NULL,
    cost_cache_write_5m  BIGINT NOT NULL,
    cost_cache_write_1h  BIGINT NOT NULL,
    cost_output_text     BIGINT NOT NULL,
    cost_reasoning       BIGINT NOT NULL,
    cost_output_audio    BIGINT NOT NULL,
    cost_output_image    BIGINT NOT NULL,
    cost_web_search      BIGINT NOT NULL,
    cost_input_audio_ms  BIGINT NOT NULL,
    cost_input_characters BIGINT NOT NULL,
    cost_output_images   BIGINT NOT NULL
);

-- From when on single calls are kept, a row for each step that dropped some.
CREATE TABLE retained (
    at_us                BIGINT NOT NULL,
    raw_from_us          BIGINT NOT NULL,   -- of what was admitted before, there are sums alone
    calls                BIGINT NOT NULL,   -- that this step dropped
    cost_pico            HUGEINT NOT NULL
);
