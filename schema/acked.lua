-- acked: notes the acknowledgement level that a job has reached. One that has expired is not brought back.
--
-- KEYS job
-- ARGV 1 level
-- Returns 1, or 0 if there is no such job.
if redis.call('EXISTS', KEYS[1]) == 0 then
	return 0
end
redis.call('HSET', KEYS[1], 'ack', ARGV[1])
return 1
