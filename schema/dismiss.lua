-- dismiss: a client takes a job back (DELETE /v1/jobs/{id}).
--
-- KEYS job, raw, out, report, index
-- ARGV 1 job id, 2 now ms, 3 retention ms
-- Returns 'gone', 'dismissed', or 'removed' if it had ended already. A worker that holds it meets 'stale'.
local state = redis.call('HGET', KEYS[1], 'state')
if not state then
	return 'gone'
end
redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4])
if state == 'accepted' or state == 'running' then
	redis.call('HSET', KEYS[1], 'state', 'dismissed', 'finished', ARGV[2], 'updated', ARGV[2])
	redis.call('PEXPIRE', KEYS[1], ARGV[3])
	return 'dismissed'
end
redis.call('UNLINK', KEYS[1])
redis.call('ZREM', KEYS[5], ARGV[1])
return 'removed'
