-- The facts as reports read them. Every row comes from one journal line; nothing here is edited by hand.

-- One row for each call that ended: settled, or refused. No key and no index: on this table they cost 26 times the
-- load. That a line is loaded once is kept by `positions`, in the same transaction.
CREATE TABLE calls (
    load                 BIGINT NOT NULL,   -- which transaction brought it; ascending, for whoever reads what is new
    node                 VARCHAR NOT NULL,  -- where its line stands in the journal: segment and byte
    boot                 BIGINT NOT NULL,
    number               BIGINT NOT NULL,
    line_offset          BIGINT NOT NULL,
    id                   VARCHAR NOT NULL,
    opened_us            BIGINT NOT NULL,   -- time of admission, microseconds since the epoch, UTC
    dialect              VARCHAR NOT NULL,
    operation            VARCHAR NOT NULL,
    provider             VARCHAR NOT NULL,
    account              VARCHAR NOT NULL,
    model                VARCHAR NOT NULL,  -- as asked for
    stream               BOOLEAN NOT NULL,
    key_id               VARCHAR NOT NULL,
    owner                VARCHAR NOT NULL,
    owner_kind           VARCHAR NOT NULL,
    team                 VARCHAR NOT NULL,
    project              VARCHAR NOT NULL,
    cost_center          VARCHAR NOT NULL,
    purpose              VARCHAR NOT NULL,
    policy               VARCHAR NOT NULL,
    session              VARCHAR NOT NULL,
    agent                VARCHAR NOT NULL,
    repository           VARCHAR NOT NULL,
    branch               VARCHAR NOT NULL,
    commit_id            VARCHAR NOT NULL,
    work_item            VARCHAR NOT NULL,
    justification        VARCHAR NOT NULL,
    client               VARCHAR NOT NULL,
    retry                BIGINT NOT NULL,
    fingerprint          VARCHAR NOT NULL,
    hash_key             VARCHAR NOT NULL,
    tags                 MAP(VARCHAR, VARCHAR) NOT NULL,
    refused              BOOLEAN NOT NULL,  -- true: not forwarded, nothing spent; reason, rule and message say why
    reason               VARCHAR NOT NULL,
    rule                 VARCHAR NOT NULL,
    message              VARCHAR NOT NULL,
    settled_us           BIGINT NOT NULL,
    outcome              VARCHAR NOT NULL,  -- 'refused' where it was
    status               BIGINT NOT NULL,
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
    served_model         VARCHAR NOT NULL,
    service_tier         VARCHAR NOT NULL,
    region               VARCHAR NOT NULL,
    speed                VARCHAR NOT NULL,
    request_id           VARCHAR NOT NULL,
    cost_pico            BIGINT NOT NULL,   -- pico-dollars (1e-12 USD); the kinds below sum to it
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
    price_id             VARCHAR NOT NULL,
    unpriced             BOOLEAN NOT NULL,
    estimated            BOOLEAN NOT NULL,
    upstream_us          BIGINT NOT NULL,   -- durations from admission
    first_byte_us        BIGINT NOT NULL,
    total_us             BIGINT NOT NULL,
    edits                VARCHAR[] NOT NULL,
    matched              VARCHAR[] NOT NULL
);

-- Calls in flight: opened, and not yet settled. The hold is the latest on the journal.
CREATE TABLE open_calls (
    node                 VARCHAR NOT NULL,  -- of the line that opened it, or that carried it into a new segment
    boot                 BIGINT NOT NULL,
    number               BIGINT NOT NULL,
    line_offset          BIGINT NOT NULL,
    id                   VARCHAR NOT NULL,
    opened_us            BIGINT NOT NULL,
    dialect              VARCHAR NOT NULL,
    operation            VARCHAR NOT NULL,
    provider             VARCHAR NOT NULL,
    account              VARCHAR NOT NULL,
    model                VARCHAR NOT NULL,
    stream               BOOLEAN NOT NULL,
    key_id               VARCHAR NOT NULL,
    owner                VARCHAR NOT NULL,
    owner_kind           VARCHAR NOT NULL,
    team                 VARCHAR NOT NULL,
    project              VARCHAR NOT NULL,
    cost_center          VARCHAR NOT NULL,
    purpose              VARCHAR NOT NULL,
    policy               VARCHAR NOT NULL,
    session              VARCHAR NOT NULL,
    client               VARCHAR NOT NULL,
    hold_pico            BIGINT NOT NULL,
    hold_input_tokens    BIGINT NOT NULL,
    hold_output_tokens   BIGINT NOT NULL
);

-- Administrative acts: who looked at whose rows and why, what was changed.
CREATE TABLE acts (
    id                   VARCHAR NOT NULL,
    at_us                BIGINT NOT NULL,
    actor                VARCHAR NOT NULL,
    kind                 VARCHAR NOT NULL,
    subject              VARCHAR NOT NULL,
    reason               VARCHAR NOT NULL,
    details              MAP(VARCHAR, VARCHAR) NOT NULL
);

-- How far each segment is loaded: written with the rows, so that no line is loaded twice and none is passed over.
CREATE TABLE positions (
    node                 VARCHAR NOT NULL,
    boot                 BIGINT NOT NULL,
    number               BIGINT NOT NULL,
    loaded_bytes         BIGINT NOT NULL,
    loaded_lines         BIGINT NOT NULL,
    load                 BIGINT NOT NULL    -- the last transaction that moved it
);

-- Lines that could not be loaded. Only where they stand and what they hash to: what they hold is nobody's business
-- here, and the segment still has it.
CREATE TABLE quarantine (
    at_us                BIGINT NOT NULL,
    node                 VARCHAR NOT NULL,
    boot                 BIGINT NOT NULL,
    number               BIGINT NOT NULL,
    line_offset          BIGINT NOT NULL,
    line_bytes           BIGINT NOT NULL,
    sha256               VARCHAR NOT NULL,
    reason               VARCHAR NOT NULL
);

CREATE VIEW policy_versions AS
SELECT policy, min(opened_us) AS first_us, max(opened_us) AS last_us, count(*) AS calls
FROM calls
GROUP BY policy;
