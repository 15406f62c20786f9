-- renew: a worker shows that it still works on a job, and how far it is.
--
-- KEYS job, jobs
-- ARGV 1 epoch, 2 group, 3 consumer, 4 message id, 5 bytes parsed, 6 now ms
-- Returns 'ok', or 'stale' if the job went to another worker or has ended. A group that is lost has no lease to
-- renew; who reads from it makes it again.
local have = redis.call('HMGET', KEYS[1], 'epoch', 'state')
if have[1] ~= ARGV[1] or have[2] ~= 'running' then
	return 'stale'
end
redis.call('HSET', KEYS[1], 'parsed', ARGV[5], 'updated', ARGV[6])
redis.pcall('XCLAIM', KEYS[2], ARGV[2], ARGV[3], 0, ARGV[4], 'JUSTID')
return 'ok'
