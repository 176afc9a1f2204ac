-- Let a callback that is running be one that was not seen; one that is done stays so.
if redis.call('GET', KEYS[1]) == 'running' then
    redis.call('DEL', KEYS[1])
end
