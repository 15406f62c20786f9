-- claim: a worker takes a job whose message it was given.
--
-- KEYS job
-- ARGV 1 worker, 2 now ms, 3 deliveries allowed
-- Returns {'gone'}; {'done'} if it has ended; {'worn', epoch} if it was tried too often (the caller ends it as
-- failed); or {'run', epoch, field, value, …} with the whole hash.
local job = KEYS[1]
local state = redis.call('HGET', job, 'state')
if not state then
	return {'gone'}
end
if state ~= 'accepted' and state ~= 'running' then
	return {'done'}
end
local epoch = redis.call('HINCRBY', job, 'epoch', 1)
local attempts = redis.call('HINCRBY', job, 'attempts', 1)
redis.call('HSETNX', job, 'started', ARGV[2])
redis.call('HSET', job, 'state', 'running', 'worker', ARGV[1], 'updated', ARGV[2])
if attempts > tonumber(ARGV[3]) then
	return {'worn', tostring(epoch)}
end
local reply = redis.call('HGETALL', job)
table.insert(reply, 1, tostring(epoch))
table.insert(reply, 1, 'run')
return reply
