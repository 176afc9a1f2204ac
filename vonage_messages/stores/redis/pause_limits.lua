-- Have no place under limits for a while. KEYS[1] as in take_places.lua, then the limits; ARGV: now (or ""), then for
-- each limit how long.

local now = tonumber(ARGV[1])
if not now then
    local time = redis.call('TIME')
    now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end
if redis.call('EXISTS', KEYS[1]) == 0 then
    redis.call('SET', KEYS[1], string.format('%.17g', now))
end
for number = 2, #KEYS do
    local until_then = now + tonumber(ARGV[number])
    local ready = tonumber(redis.call('GET', KEYS[number]) or until_then)
    local later = math.max(ready, until_then)
    -- A day longer than it lasts: how long the burst of this limit is remembered is not known here.
    local keep = math.ceil((later - now) * 1000) + 86400000
    redis.call('SET', KEYS[number], string.format('%.17g', later), 'PX', keep)
end
