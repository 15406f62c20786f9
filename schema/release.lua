-- release: a worker that stops gives its job back at its last checkpoint; it is no try of its own,
-- unless the worker has to stop because of the job.
--
-- KEYS job, jobs
-- ARGV 1 epoch, 2 group, 3 consumer, 4 message id, 5 idle ms that the message is given, so that it is taken over,
--      6 '1' if it was a try
-- Returns 'ok', or 'stale' if the job went to another worker or has ended.
local have = redis.call('HMGET', KEYS[1], 'epoch', 'state', 'tries')
if have[1] ~= ARGV[1] or have[2] ~= 'running' then
	return 'stale'
end
if ARGV[6] ~= '1' and tonumber(have[3] or '0') > 0 then
	redis.call('HINCRBY', KEYS[1], 'tries', -1)
end
redis.pcall('XCLAIM', KEYS[2], ARGV[2], ARGV[3], 0, ARGV[4], 'IDLE', ARGV[5], 'JUSTID')
return 'ok'
