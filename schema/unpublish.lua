-- unpublish: takes back what stood before publish.lua in its transaction, where a Redis that had lost its scripts did
-- that alone, and publish.lua could not be called later. It removes first: then it may count in a Redis that is full.
--
-- KEYS job, raw, index, room
-- ARGV 1 job id, 2 source, 3 bytes held
-- Returns 1, or 0 if there is nothing to take back: the job was published after all, or is gone.
local have = redis.call('HMGET', KEYS[1], 'state', 'message')
if not have[1] or have[2] then
	return 0
end
redis.call('UNLINK', KEYS[1], KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('HINCRBY', KEYS[4], 'queued:' .. ARGV[2], '-' .. ARGV[3])
return 1
