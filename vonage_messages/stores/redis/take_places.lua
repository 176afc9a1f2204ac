-- Take places under limits that several processes keep together. The arithmetic is that of SharedBook (limits/shared.py).
--
-- KEYS[1] says since when anything is known. The others are the limits, each of them once: a number, the instant before
-- which it has no place; and behind a cap's key with ":c" a hash of how many left in each slice of its window.
-- ARGV: now (or ""), horizon, how many messages, then for each limit interval, tolerance, cap, span; then for each
-- message how many limits it has, and their numbers from 1.

local SLICES = 1440

local function exact(number)
    return string.format('%.17g', number)
end

local now = tonumber(ARGV[1])
if not now then
    local time = redis.call('TIME')
    now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end
local horizon = tonumber(ARGV[2])
local messages = tonumber(ARGV[3])

local since = tonumber(redis.call('GET', KEYS[1]))
if not since then
    since = now
    redis.call('SET', KEYS[1], exact(since))
end

local limits = {}
local at = 3
for number = 1, #KEYS - 1 do
    local key = KEYS[number + 1]
    local limit = {
        key = key,
        interval = tonumber(ARGV[at + 1]),
        tolerance = tonumber(ARGV[at + 2]),
        cap = tonumber(ARGV[at + 3]),
        span = tonumber(ARGV[at + 4]),
        ready = tonumber(redis.call('GET', key) or since),
    }
    if limit.cap > 0 then
        limit.slices = {}
        limit.count = 0
        local stored = redis.call('HGETALL', key .. ':c')
        for index = 1, #stored, 2 do
            local ends = tonumber(stored[index])
            if ends + limit.span > now then
                limit.slices[stored[index]] = tonumber(stored[index + 1])
                limit.count = limit.count + tonumber(stored[index + 1])
            else
                redis.call('HDEL', key .. ':c', stored[index])
            end
        end
    end
    limits[number] = limit
    at = at + 4
end

local function free_at(limit)
    if limit.cap == 0 or limit.count < limit.cap then
        return limit.ready
    end
    local ends = {}
    for name, number in pairs(limit.slices) do
        ends[#ends + 1] = {tonumber(name), number}
    end
    table.sort(ends, function(one, other) return one[1] < other[1] end)
    local surplus = limit.count - limit.cap
    for _, slice in ipairs(ends) do
        surplus = surplus - slice[2]
        if surplus < 0 then
            return math.max(limit.ready, slice[1] + limit.span)
        end
    end
    return limit.ready
end

local function spend(limit, leaves)
    if limit.cap == 0 then
        limit.ready = math.max(limit.ready, leaves - limit.tolerance) + limit.interval
        limit.changed = true
        return
    end
    local width = limit.span / SLICES
    local name = exact((math.floor(leaves / width) + 1) * width)
    limit.slices[name] = (limit.slices[name] or 0) + 1
    limit.count = limit.count + 1
    redis.call('HSET', limit.key .. ':c', name, limit.slices[name])
    redis.call('EXPIRE', limit.key .. ':c', math.ceil(2 * limit.span) + 1)
end

local answers = {exact(now)}
for message = 1, messages do
    local first = at + 1
    local last = at + tonumber(ARGV[first])
    at = last + 1
    local leaves, obstacle = now, -1
    for index = first + 1, last + 1 do
        local free = free_at(limits[tonumber(ARGV[index])])
        if free > leaves then
            leaves, obstacle = free, index - first - 1
        end
    end
    local wait = leaves - now
    if wait <= horizon then
        obstacle = -1
        for index = first + 1, last + 1 do
            spend(limits[tonumber(ARGV[index])], leaves)
        end
    end
    answers[2 * message] = exact(wait)
    answers[2 * message + 1] = obstacle
end

for _, limit in ipairs(limits) do
    if limit.changed then
        -- It is forgotten when a new one would say the same.
        local keep = math.ceil((limit.ready + limit.tolerance - now) * 1000) + 1000
        redis.call('SET', limit.key, exact(limit.ready), 'PX', math.max(keep, 1))
    end
end
return answers
