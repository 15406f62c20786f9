-- chunk: writes one chunk's results, report, dead letters and counts, once.
--
-- KEYS job, out, report, dead, deadof
-- ARGV 1 epoch, 2 index of its first feature, 3 index behind its last, 4 accepted, 5 repaired, 6 rejected,
--      7 bytes parsed, 8 now ms, 9 results ('' if none), 10 report ('' if none), 11 how far all features
--      up to here reach ('' if nobody wants to know), 12 the CRS that they come out in ('' if nobody wants to know),
--      then for each dead letter the number of its field and value arguments and those arguments
-- Returns 'ok', also where the same call was done before and its reply was lost; 'stale' if the caller no longer
-- owns the job, or the job is not where the caller thinks.
local job, out, report, dead, deadof = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local have = redis.call('HMGET', job, 'epoch', 'state', 'next', 'chunk')
if have[1] ~= ARGV[1] or have[2] ~= 'running' then
	return 'stale'
end
if (have[3] or '0') ~= ARGV[2] then
	return have[3] == ARGV[3] and 'ok' or 'stale'
end
local n = have[4] or '0'
write_outcome(job, out, n, ARGV[9], report, n, ARGV[10], dead, deadof, 13)
redis.call('HINCRBY', job, 'accepted', ARGV[4])
redis.call('HINCRBY', job, 'repaired', ARGV[5])
redis.call('HINCRBY', job, 'rejected', ARGV[6])
redis.call('HSET', job, 'next', ARGV[3], 'chunk', tonumber(n) + 1, 'parsed', ARGV[7], 'updated', ARGV[8],
	'tries', '0')
if ARGV[11] ~= '' then
	redis.call('HSET', job, 'reach', ARGV[11])
end
if ARGV[12] ~= '' then
	redis.call('HSETNX', job, 'target', ARGV[12])
end
return 'ok'
