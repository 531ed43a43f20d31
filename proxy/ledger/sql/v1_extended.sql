-- Extended lines of format 1, the last of each call: its hold so far.
UPDATE open_calls
SET hold_pico = step.hold.cost_pico,
    hold_input_tokens = step.hold.input_tokens,
    hold_output_tokens = step.hold.output_tokens
FROM read_json($file, format = 'newline_delimited', maximum_object_size = 4194304, columns = {
    'o': 'BIGINT',
    'call_id': 'VARCHAR', 'hold': 'STRUCT(cost_pico BIGINT, input_tokens BIGINT, output_tokens BIGINT)'
}) AS step
WHERE open_calls.id = step.call_id;
