-- Tell how a callback stands; where it was not seen, it is running from now on, for as long as its lease (ARGV[1], ms).
local standing = redis.call('GET', KEYS[1])
if not standing then
    redis.call('SET', KEYS[1], 'running', 'PX', ARGV[1])
end
return standing
