-- expire: takes away what has been kept long enough, and gives its room back; the janitor's. Redis itself may have
-- removed the keys by then: their room is still to be given back.
--
-- KEYS expiring, room
-- ARGV 1 now ms, 2 how many at the most
-- Returns how many it did.
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
local prefix = KEYS[1]:match('^(gs:{[^}]*}:)')
for _, member in ipairs(due) do
	local what, job, bytes, source = member:match('^(%S+) (%S+) (%S+) (%S+)$')
	redis.call('ZREM', KEYS[1], member)
	if what == 'raw' then
		redis.call('UNLINK', prefix .. 'raw:' .. job)
		redis.call('HINCRBY', KEYS[2], 'kept:' .. source, string.format('%.0f', 0 - tonumber(bytes)))
	else
		redis.call('UNLINK', prefix .. 'out:' .. job, prefix .. 'report:' .. job)
		redis.call('HINCRBY', KEYS[2], 'results:' .. source, string.format('%.0f', 0 - tonumber(bytes)))
	end
end
return #due
