-- finish: ends a job: its state, its callback, its message and its retention, at once.
--
-- KEYS job, jobs, outbox, raw, out, report, dead, deadof, stats
-- ARGV 1 epoch, 2 group, 3 message id, 4 now ms, 5 state, 6 features read, 7 retention of the job ms,
--      8 retention of the raw bytes ms, 9 foreign members of the collection ('' if none), 10 number of field, value
--      arguments for the job, those, then field, value arguments of a dead letter of kind 'document' (none unless
--      failed)
-- Returns 'ok'; 'stale' if the caller no longer owns the job (or the same call was done before and its reply was
-- lost); 'short' if counts do not add up to the features read.
local job, jobs, outbox, raw, out, report, dead, deadof, stats = unpack(KEYS)
local have = redis.call('HMGET', job, 'epoch', 'state', 'next', 'source', 'accepted', 'repaired', 'rejected')
local state, keep = ARGV[5], ARGV[7]
if have[1] ~= ARGV[1] or have[2] ~= 'running' then
	return 'stale'
end
if state == 'successful' then
	local counted = 0
	for i = 5, 7 do
		counted = counted + tonumber(have[i] or '0')
	end
	if (have[3] or '0') ~= ARGV[6] or counted ~= tonumber(ARGV[6]) then
		return 'short'
	end
end
local fields = tonumber(ARGV[10])
redis.call('HSET', job, 'state', state, 'finished', ARGV[4], 'updated', ARGV[4], unpack(ARGV, 11, 10 + fields))
if ARGV[9] ~= '' then
	redis.call('HSET', out, 'head', ARGV[9])
end
if state == 'failed' then
	local letters = redis.call('LRANGE', deadof, 0, -1)
	for at = 1, #letters, 1000 do
		redis.call('XDEL', dead, unpack(letters, at, math.min(at + 999, #letters)))
	end
	redis.call('UNLINK', out, deadof)
	if #ARGV > 10 + fields then
		local id = redis.call('XADD', dead, '*', unpack(ARGV, 11 + fields))
		redis.call('RPUSH', deadof, id)
	end
end
redis.call('HSET', job, 'owed', redis.call('XADD', outbox, '*', 'v', '1', 'job', job:match('job:(.*)$'),
	'source', have[4] or ''))
redis.call('XACK', jobs, ARGV[2], ARGV[3])
redis.call('XDEL', jobs, ARGV[3])
redis.call('PEXPIRE', raw, ARGV[8])
for _, key in ipairs({job, out, report, deadof}) do
	redis.call('PEXPIRE', key, keep)
end
redis.call('HINCRBY', stats, 'jobs_' .. state, 1)
for i, name in ipairs({'accepted', 'repaired', 'rejected'}) do
	redis.call('HINCRBY', stats, 'features_' .. name, have[i + 4] or 0)
end
return 'ok'
