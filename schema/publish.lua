-- publish: the end of the transaction that commits a body of one segment. Before it stand XADD raw, HSET job, ZADD
-- index and HINCRBY room; here stays what needs an answer. So a small document costs Redis two thirds of what it would
-- in commit.lua, where all its bytes and fields go through Lua. A Redis that has lost its scripts does the rest without
-- this: then it is called again, alone.
--
-- KEYS job, jobs, raw, index, room, seen (only where the delivery has an id)
-- ARGV 1 job id, 2 v of the message, 3 source, 4 bytes held, 5 SHA-256 of the body, 6 seconds to remember the delivery,
--      7 what proves a delivery to be this one
-- Returns as commit.lua does; where that is not 'ok', what the transaction has done is undone.
local id = ARGV[1]
if KEYS[6] then
	local before = redis.call('SET', KEYS[6], id .. ' ' .. ARGV[5] .. ' ' .. ARGV[7], 'NX', 'GET', 'EX', ARGV[6])
	if before then
		local first, hash = before:match('^(%S+) (%S+)')
		redis.call('UNLINK', KEYS[1], KEYS[3])
		redis.call('ZREM', KEYS[4], id)
		redis.call('HINCRBY', KEYS[5], 'queued:' .. ARGV[3], '-' .. ARGV[4])
		if hash == ARGV[5] then
			return {'same', first}
		end
		local state = redis.call('HGET', KEYS[1]:match('^(gs:{[^}]*}:job:)') .. first, 'state')
		return {'other', first, state or 'gone'}
	end
end
redis.call('HSET', KEYS[1], 'message', redis.call('XADD', KEYS[2], '*', 'v', ARGV[2], 'job', id))
return {'ok'}
