-- Work that a provider did in the background. These tables decide what counts: each piece of work once, whoever reported
-- it and how often, and for the call that submitted it.

-- What answers said of the provider's ids: which call submitted a batch or uploaded a file, whose results a file holds.
CREATE TABLE provider_names (
    account              VARCHAR NOT NULL,  -- at the provider, as calls.account
    name                 VARCHAR NOT NULL,  -- the provider's id of a batch or a file
    what                 VARCHAR NOT NULL,  -- 'submitted', 'uploaded', or 'results_of'
    batch                VARCHAR NOT NULL,  -- of results: the provider's id of their batch
    call_id              VARCHAR NOT NULL,  -- the call whose answer said so, and when it was admitted
    opened_us            BIGINT NOT NULL
);

-- The jobs that count: each is a row of calls.
CREATE TABLE jobs (
    id                   VARCHAR NOT NULL,  -- as calls.id
    work                 VARCHAR NOT NULL,  -- digest of the work, shared by all its jobs (one for each model)
    source               VARCHAR NOT NULL,  -- 'o': the batch object's total, 'r': its results. One of them for each work
    account              VARCHAR NOT NULL,
    name                 VARCHAR NOT NULL,  -- the provider's id of the work: a file of results, else a batch
    opened_us            BIGINT NOT NULL,   -- as calls.opened_us
    attributed           BOOLEAN NOT NULL   -- true: the call that submitted it is on record, and its row says so
);
