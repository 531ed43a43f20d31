-- Calls that repeat earlier work, once more: as found when they were made, or named later. Reports of waste read these
-- few rows instead of all calls. Written and changed in the transactions that write and change the calls.
CREATE TABLE marked AS
SELECT
    load, id, opened_us, settled_us, dialect, operation, provider, account, model, stream, key_id, owner,
    owner_kind, team, project, cost_center, purpose, policy, session, agent, repository, branch, commit_id, work_item,
    justification, client, retry, trace, tags, refused, reason, rule, outcome, status, served_model, service_tier,
    region, speed, variant, price_id, unpriced, estimated, cost_pico, found, repeats, word.said
FROM calls
LEFT JOIN (
    -- The first word on the call after it had ended, and which load brought it.
    SELECT
        call_id,
        CASE count(*)
            WHEN 1 THEN any_value({'load': load, 'at_us': at_us, 'campaign': campaign, 'waste_class': waste_class})
        END AS said
    FROM attributions
    GROUP BY call_id
) AS word ON word.call_id = calls.id
WHERE found.action <> '' OR found.exempted <> '' OR found.flagged = 1 OR word.call_id IS NOT NULL;

-- All other words, as in attributions: further ones, and those on calls that were not on record yet.
CREATE TABLE named_apart AS FROM attributions WHERE call_id NOT IN (SELECT id FROM marked WHERE said IS NOT NULL);

-- Of the latter which calls: they are marked when they come.
CREATE TABLE named_early AS
SELECT DISTINCT call_id AS id FROM named_apart WHERE call_id NOT IN (SELECT id FROM marked);
