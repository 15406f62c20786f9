-- publish: the end of the transaction that commits bodies of one segment, one or several. Before it stand XADD raw
-- and HSET job of each, ZADD index and HINCRBY room; here stays what needs an answer. So a small document costs Redis
-- half of what it would in commit.lua, where all its bytes and fields go through Lua. A Redis that has lost its scripts
-- does the rest without this: then it is called again, alone, for each.
--
-- KEYS jobs, index, room; then for each: job, raw, seen (or job again where the delivery has no id)
-- ARGV for each: 1 job id, 2 v of the message, 3 source, 4 bytes held, 5 hash of the body, 6 seconds to remember the
--      delivery, 7 what proves a delivery to be this one; behind all 'alone' where it is called again
-- Returns for each what commit.lua returns ('lost' where it is called again too late: audit.lua was there before);
-- where that is not 'ok', what the transaction has done of it is undone.
local jobs, index, room, said = KEYS[1], KEYS[2], KEYS[3], {}
local alone = ARGV[#ARGV] == 'alone'

local function publish(job, raw, seen, id, v, source, held, hash, ttl, proof)
	if alone and redis.call('EXISTS', job) == 0 then
		return {'lost'}
	end
	if seen ~= job then
		local before = redis.call('SET', seen, id .. ' ' .. hash .. ' ' .. proof, 'NX', 'GET', 'EX', ttl)
		local first, known, was = (before or ''):match('^(%S+) (%S+) ?(%S*)$')
		local again = first and same(known, was, hash, proof)
		if again ~= nil then
			redis.call('UNLINK', job, raw)
			redis.call('ZREM', index, id)
			redis.call('HINCRBY', room, 'queued:' .. source, '-' .. held)
			if again then
				return {'same', first}
			end
			local state = redis.call('HGET', job:match('^(gs:{[^}]*}:job:)') .. first, 'state')
			return {'other', first, state or 'gone'}
		end
		if before then	-- rather twice than lost
			redis.call('SET', seen, id .. ' ' .. hash .. ' ' .. proof, 'EX', ttl)
		end
	end
	redis.call('HSET', job, 'message', redis.call('XADD', jobs, '*', 'v', v, 'job', id))
	return {'ok'}
end

for i = 1, (#KEYS - 3) / 3 do
	local k, a = 3 * i, 7 * i - 7
	said[i] = publish(KEYS[k + 1], KEYS[k + 2], KEYS[k + 3], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4],
		ARGV[a + 5], ARGV[a + 6], ARGV[a + 7])
end
return said
