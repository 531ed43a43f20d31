-- By what an id of `told` is found again without looking through all of them: the first 15 hex digits of its MD5.
CREATE TABLE told_keys (
    key                  BIGINT NOT NULL,
    load                 BIGINT NOT NULL    -- where in `told` it stands
);
INSERT INTO told_keys SELECT ('0x' || left(md5(id), 15))::BIGINT, load FROM told;
CREATE INDEX told_keys_key ON told_keys (key);

-- Derived, and made anew by the next rebuild: each rule's words are worked out for one deployment, when it is asked for.
DROP TABLE outcome_deployments;
CREATE TABLE outcome_deployments (
    id                   VARCHAR NOT NULL,
    service              VARCHAR NOT NULL,
    week_us              BIGINT NOT NULL,   -- where the ISO week begins, UTC
    at_us                BIGINT NOT NULL,
    standing             VARCHAR NOT NULL,
    until_us             BIGINT NOT NULL,   -- end of its soak
    imported             BOOLEAN NOT NULL,
    groups               VARCHAR[] NOT NULL
);
DROP TABLE outcome_changes;
CREATE TABLE outcome_changes (
    id                   VARCHAR NOT NULL,
    qualifies            BOOLEAN,           -- NULL: it can't be told
    group_id             VARCHAR NOT NULL,
    line                 VARCHAR NOT NULL
);

-- Sums of outcome_shares, as reports read them: what a group cost is in nobody's report.
CREATE TABLE outcome_spend (
    service              VARCHAR NOT NULL,
    team                 VARCHAR NOT NULL,
    project              VARCHAR NOT NULL,
    week_us              BIGINT NOT NULL,
    method               VARCHAR NOT NULL,
    cost_pico            HUGEINT NOT NULL,
    calls                BIGINT NOT NULL
);
INSERT INTO outcome_spend
SELECT service, team, project, week_us, method, sum(cost_pico), sum(calls) FROM outcome_shares GROUP BY ALL;
