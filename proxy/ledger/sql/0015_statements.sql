-- Statements of closed months, in parts as the journal has them. A month is closed where the act of that id is on record.
CREATE TABLE statements (
    act                  VARCHAR NOT NULL,
    month                VARCHAR NOT NULL,  -- '2026-10', UTC
    part                 BIGINT NOT NULL,   -- from 0 on
    parts                BIGINT NOT NULL,
    sha256               VARCHAR NOT NULL,  -- of all parts together
    document             VARCHAR NOT NULL
);
