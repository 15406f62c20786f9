-- claim: a worker takes a job whose message it was given.
--
-- KEYS job
-- ARGV 1 worker, 2 now ms, 3 deliveries allowed
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
local epoch = redis.call('HINCRBY', job, 'epoch', 1)
local tries = redis.call('HINCRBY', job, 'tries', 1)
redis.call('HINCRBY', job, 'attempts', 1)
redis.call('HSETNX', job, 'started', ARGV[2])
redis.call('HSET', job, 'state', 'running', 'worker', ARGV[1], 'updated', ARGV[2])
local reply = redis.call('HGETALL', job)
table.insert(reply, 1, tostring(epoch))
table.insert(reply, 1, tries > tonumber(ARGV[3]) and 'worn' or 'run')
return reply
