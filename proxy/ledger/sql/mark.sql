-- Calls into those that are marked, each with what this load says of it, if that is one word.
INSERT INTO marked BY NAME
SELECT
    calls.load, id, opened_us, settled_us, dialect, operation, provider, account, model, stream, key_id, owner,
    owner_kind, team, project, cost_center, purpose, policy, session, agent, repository, branch, commit_id, work_item,
    justification, client, retry, trace, tags, refused, reason, rule, outcome, status, served_model, service_tier,
    region, speed, variant, price_id, unpriced, estimated, cost_pico, found, repeats, word.said
FROM calls
LEFT JOIN (
    SELECT
        call_id,
        CASE count(*)
            WHEN 1 THEN any_value({'load': load, 'at_us': at_us, 'campaign': campaign, 'waste_class': waste_class})
        END AS said
    FROM attributions
    WHERE load = $load
    GROUP BY call_id
) AS word ON word.call_id = calls.id
WHERE /*which*/
