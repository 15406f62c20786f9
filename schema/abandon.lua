-- abandon: takes an upload away that gave no sign of life, or that came to nothing. A mark that is missing (Redis
-- lost its last second, or the janitor was first) is no reason to keep segments that arrived since.
--
-- KEYS staging, raw, job
-- ARGV 1 job id, 2 the latest sign of life (unix ms) that counts as none
-- Returns 1, or 0 if it has come alive or was committed meanwhile.
local last = redis.call('ZSCORE', KEYS[1], ARGV[1])
if redis.call('EXISTS', KEYS[3]) == 1 or last and tonumber(last) > tonumber(ARGV[2]) then
	return 0
end
redis.call('UNLINK', KEYS[2])
redis.call('ZREM', KEYS[1], ARGV[1])
local prefix = KEYS[1]:match('^(gs:{[^}]*}:)')
local bytes, source = (redis.call('HGET', prefix .. 'staged', ARGV[1]) or ''):match('^(%S+) (%S+)$')
if bytes then
	redis.call('HDEL', prefix .. 'staged', ARGV[1])
	redis.call('HINCRBY', prefix .. 'room', 'staged:' .. source, string.format('%.0f', 0 - tonumber(bytes)))
end
return 1
