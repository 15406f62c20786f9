-- called: a callback was tried; settles it, or notes the attempt.
--
-- KEYS job, outbox
-- ARGV 1 group, 2 message id, 3 outcome ('delivered', 'failed', 'retry', 'none' where none is wanted, 'gone' where the
--      job is gone or was told of), 4 HTTP status, 5 now ms,
--      6 'retry': when to try again, unix ms, 7 which attempt it was (a former version does not say): the same call
--      again, after its reply was lost, is no attempt of its own
-- Returns the number of attempts so far; -1 if 'gone' is not so: a Redis that lags said it. A job that has expired is
-- not brought back; a callback that is settled stays so, whatever a courier says that is late.
local attempts = 0
if redis.call('EXISTS', KEYS[1]) == 1 then
	if ARGV[3] == 'gone' and redis.call('HEXISTS', KEYS[1], 'callback') == 0 then
		return -1
	end
	local settled = redis.call('HMGET', KEYS[1], 'callback', 'callback_attempts')
	if settled[1] then
		redis.call('HDEL', KEYS[1], 'owed')
		redis.call('XACK', KEYS[2], ARGV[1], ARGV[2])
		redis.call('XDEL', KEYS[2], ARGV[2])
		return tonumber(settled[2] or '0')
	end
	if ARGV[3] ~= 'none' and ARGV[3] ~= 'gone' then
		local before = tonumber(settled[2] or '0')
		attempts = math.max(before, tonumber(ARGV[7] or before + 1))
		redis.call('HSET', KEYS[1], 'callback_attempts', attempts, 'callback_status', ARGV[4],
			'callback_at', ARGV[5])
	end
	if ARGV[3] == 'retry' and ARGV[6] then
		redis.call('HSET', KEYS[1], 'callback_due', ARGV[6])
	else
		redis.call('HDEL', KEYS[1], 'callback_due')
	end
	if ARGV[3] == 'delivered' or ARGV[3] == 'failed' then
		redis.call('HSET', KEYS[1], 'callback', ARGV[3])
	end
end
if ARGV[3] ~= 'retry' then
	redis.call('HDEL', KEYS[1], 'owed')
	redis.call('XACK', KEYS[2], ARGV[1], ARGV[2])
	redis.call('XDEL', KEYS[2], ARGV[2])
end
return attempts
