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
return 1
