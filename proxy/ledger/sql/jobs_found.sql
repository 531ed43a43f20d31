-- Jobs whose submitting call is on record and that don't say so yet. A work is a batch, or the results of one.
SELECT jobs.id, jobs.opened_us, submitted.call_id, submitted.opened_us
FROM jobs
LEFT JOIN (
    SELECT account, name, any_value(batch) AS batch FROM provider_names WHERE what = 'results_of' GROUP BY ALL
) AS results
ON results.account = jobs.account AND results.name = jobs.name
JOIN (
    SELECT account, name, arg_min(call_id, opened_us) AS call_id, min(opened_us) AS opened_us
    FROM provider_names WHERE what = 'submitted' GROUP BY ALL
) AS submitted
ON submitted.account = jobs.account AND submitted.name = coalesce(results.batch, jobs.name)
WHERE NOT jobs.attributed;
