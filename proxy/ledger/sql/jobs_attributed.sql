-- The rows of jobs take who pays, and when, from the call that submitted them. The bounds on the time of admission let
-- the database skip nearly all of the table.
UPDATE /*table*/ AS job
SET operation = 'batch', opened_us = payer.opened_us, key_id = payer.key_id, owner = payer.owner,
    owner_kind = payer.owner_kind, team = payer.team, project = payer.project, cost_center = payer.cost_center,
    purpose = payer.purpose, session = payer.session, agent = payer.agent, repository = payer.repository,
    branch = payer.branch, commit_id = payer.commit_id, work_item = payer.work_item,
    justification = payer.justification, client = payer.client, tags = payer.tags
FROM (
    SELECT pair.job_id, submitting.*
    FROM (SELECT unnest($job_ids) AS job_id, unnest($call_ids) AS call_id) AS pair
    JOIN calls AS submitting ON submitting.id = pair.call_id
    WHERE submitting.opened_us BETWEEN $first_us AND $last_us
) AS payer
WHERE job.id = payer.job_id AND job.opened_us BETWEEN $first_us AND $last_us;
