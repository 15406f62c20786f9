-- claim: a worker takes a job whose message it was given.
--
-- KEYS job
-- ARGV 1 worker, 2 now ms, 3 deliveries allowed, 4 a nonce: the same call again, after its reply was lost, is no
--      try of its own
-- Returns {'gone'}; {'done'} if it has ended; {'worn', epoch, field, value, …} with the whole hash if it was tried
-- too often without getting further (the caller ends it as failed); else {'run', epoch, field, value, …}.
local job = KEYS[1]
local state = redis.call('HGET', job, 'state')
if not state then
	return {'gone'}
end
if state ~= 'accepted' and state ~= 'running' then
	return {'done'}
end
if redis.call('HGET', job, 'claim') ~= ARGV[4] then
	-- A Redis that lost its last second must not give an epoch again that somebody still works under.
	local epoch = math.max(tonumber(redis.call('HGET', job, 'epoch') or 0) + 1, tonumber(ARGV[2]))
	redis.call('HINCRBY', job, 'tries', 1)
	redis.call('HINCRBY', job, 'attempts', 1)
	redis.call('HSETNX', job, 'started', ARGV[2])
	redis.call('HSET', job, 'state', 'running', 'worker', ARGV[1], 'updated', ARGV[2], 'claim', ARGV[4],
		'epoch', string.format('%.0f', epoch))
end
local have = redis.call('HMGET', job, 'epoch', 'tries')
local reply = redis.call('HGETALL', job)
table.insert(reply, 1, have[1])
table.insert(reply, 1, tonumber(have[2]) > tonumber(ARGV[3]) and 'worn' or 'run')
return reply
