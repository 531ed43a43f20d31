-- What told lines and calls add up to: derived, and made anew by every rebuild. Nothing here is a fact of its own.
CREATE TABLE outcome_state (
    built_us             BIGINT NOT NULL,
    load                 BIGINT NOT NULL,   -- everything up to this transaction is in it
    definition           VARCHAR NOT NULL,
    began_us             BIGINT NOT NULL    -- of the first thing ever told of a deployment to production; 0: nothing
);

CREATE TABLE outcome_deployments (
    id                   VARCHAR NOT NULL,
    service              VARCHAR NOT NULL,
    week_us              BIGINT NOT NULL,   -- where the ISO week begins, UTC
    at_us                BIGINT NOT NULL,
    standing             VARCHAR NOT NULL,
    until_us             BIGINT NOT NULL,   -- end of its soak
    imported             BOOLEAN NOT NULL,
    groups               VARCHAR[] NOT NULL,
    rulings              STRUCT("rule" VARCHAR, "holds" BOOLEAN, "says" VARCHAR)[] NOT NULL
);

CREATE TABLE outcome_changes (
    id                   VARCHAR NOT NULL,
    qualifies            BOOLEAN,           -- NULL: it can't be told
    group_id             VARCHAR NOT NULL,
    line                 VARCHAR NOT NULL,
    rulings              STRUCT("rule" VARCHAR, "holds" BOOLEAN, "says" VARCHAR)[] NOT NULL
);

CREATE TABLE outcome_landings (
    group_id             VARCHAR NOT NULL,
    service              VARCHAR NOT NULL,
    week_us              BIGINT NOT NULL,
    deployment           VARCHAR NOT NULL,
    credited_by          VARCHAR NOT NULL,
    credit               VARCHAR NOT NULL,  -- '1', '1/2', '0'
    standing             VARCHAR NOT NULL,
    changes              VARCHAR[] NOT NULL,
    line                 VARCHAR NOT NULL
);

-- By service and week: the one source of reports.
CREATE TABLE outcome_weeks (
    service              VARCHAR NOT NULL,
    week_us              BIGINT NOT NULL,
    deployments          BIGINT NOT NULL,
    standings            MAP(VARCHAR, BIGINT) NOT NULL,
    reasons              STRUCT(standing VARCHAR, "rule" VARCHAR, why VARCHAR, deployments BIGINT)[] NOT NULL,
    credits              VARCHAR NOT NULL,  -- a fraction: '7/2'
    config               VARCHAR NOT NULL,
    groups               BIGINT NOT NULL,
    succeeded            BIGINT NOT NULL,
    failed               BIGINT NOT NULL,
    rework               BIGINT NOT NULL,
    weak                 BIGINT NOT NULL,
    leads_us             BIGINT[] NOT NULL,
    changes              BIGINT NOT NULL,
    maintenance          BIGINT NOT NULL,
    approvals            BIGINT NOT NULL,
    imported             BIGINT NOT NULL,
    persons              VARCHAR[] NOT NULL,
    unknown              BIGINT NOT NULL    -- persons whom access.yaml doesn't know
);

CREATE TABLE outcome_baselines (
    service              VARCHAR NOT NULL,
    quarter_us           BIGINT NOT NULL,
    credits_a_week       DOUBLE NOT NULL,
    weeks                BIGINT NOT NULL,
    imported             BOOLEAN NOT NULL,
    limited              BOOLEAN NOT NULL,
    frozen_us            BIGINT NOT NULL    -- 0: on no record
);

-- What was spent, by the work it went into. The rows of a week sum to its calls, to the last unit.
CREATE TABLE outcome_shares (
    week_us              BIGINT NOT NULL,
    team                 VARCHAR NOT NULL,
    project              VARCHAR NOT NULL,
    method               VARCHAR NOT NULL,  -- 'run': spent on running products, which is no cost of delivering
    service              VARCHAR NOT NULL,
    group_id             VARCHAR NOT NULL,
    cost_pico            HUGEINT NOT NULL,
    calls                BIGINT NOT NULL
);

CREATE TABLE outcome_services (
    service              VARCHAR NOT NULL,
    counts_from_us       BIGINT NOT NULL    -- registered, and out of probation
);
