-- renew: a worker shows that it still works on a job, and how far it is.
--
-- KEYS job, jobs
-- ARGV 1 epoch, 2 group, 3 consumer, 4 message id, 5 bytes parsed, 6 now ms
-- Returns 'ok', or 'stale' if the job went to another worker or has ended.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] or redis.call('HGET', KEYS[1], 'state') ~= 'running' then
	return 'stale'
end
redis.call('HSET', KEYS[1], 'parsed', ARGV[5], 'updated', ARGV[6])
redis.call('XCLAIM', KEYS[2], ARGV[2], ARGV[3], 0, ARGV[4], 'JUSTID')
return 'ok'
