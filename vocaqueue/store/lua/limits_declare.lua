#!lua flags=allow-oom
-- Take over what the code of job types says of their limits; what was set at run time stays. Claims do the same for their type.
--
-- a: types (list of {type, JSON text})
-- Answers {}.
for _, pair in ipairs(a.types) do declare_limits(pair[1], pair[2]) end
return answer({})
