-- What sources told of deployments, changes, reviews, commits and incidents: a row for each thing told, once.
CREATE TABLE told (
    load                 BIGINT NOT NULL,   -- which transaction brought it, as in calls
    node                 VARCHAR NOT NULL,
    boot                 BIGINT NOT NULL,
    number               BIGINT NOT NULL,
    line_offset          BIGINT NOT NULL,
    id                   VARCHAR NOT NULL,  -- the source, its delivery, the place within it: a redelivery has the same
    at_us                BIGINT NOT NULL,   -- when it was received
    source               VARCHAR NOT NULL,
    delivery             VARCHAR NOT NULL,
    kind                 VARCHAR NOT NULL,
    occurred_us          BIGINT NOT NULL,   -- by the source's clock, as far as that can be believed
    trust                VARCHAR NOT NULL,
    payload              VARCHAR NOT NULL,  -- SHA-256 of the delivery
    clamped              BOOLEAN NOT NULL,
    imported             BOOLEAN NOT NULL,
    quarantine           VARCHAR NOT NULL,  -- why it scored nothing when it came; decided again with services.yaml
    facts                MAP(VARCHAR, VARCHAR) NOT NULL
);
