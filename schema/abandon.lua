-- abandon: takes an upload away that gave no sign of life; the janitor's.
--
-- KEYS staging, raw
-- ARGV 1 job id, 2 the latest sign of life (unix ms) that counts as none
-- Returns 1, or 0 if it has come alive or was committed meanwhile.
local last = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not last or tonumber(last) > tonumber(ARGV[2]) then
	return 0
end
redis.call('UNLINK', KEYS[2])
redis.call('ZREM', KEYS[1], ARGV[1])
return 1
