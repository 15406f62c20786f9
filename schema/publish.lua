-- publish: the end of the transaction that commits bodies of one segment, one or several. Before it stand XADD raw
-- and HSET job of each, ZADD index and HINCRBY room; here stays what needs an answer. Every argument of a script costs
-- as much as a field of a hash: so there are few. A Redis that has lost its scripts does the rest without this: then it
-- is called again, alone, for each.
--
-- KEYS jobs; then for each: job and, where the delivery has an id, seen
-- ARGV 1 v of the messages, a digit for each, 2 seconds to remember a delivery, 3 'alone' where it is called again;
--      then for each: job id and, where the delivery has an id, behind a blank each: hash of the body, what proves a
--      delivery to be this one ('' for nothing)
-- Returns for each what commit.lua returns ('lost' where it is called again too late: audit.lua was there before);
-- where that is not 'ok', what the transaction has done of it is undone.
local jobs, ttl, alone, said, ok = KEYS[1], ARGV[2], ARGV[3] == 'alone', {}, {'ok'}

local function undo(job, id)
	local prefix, have = jobs:sub(1, -5), redis.call('HMGET', job, 'source', 'held')
	redis.call('UNLINK', job, prefix .. 'raw:' .. id)
	redis.call('ZREM', prefix .. 'index', id)
	redis.call('HINCRBY', prefix .. 'room', 'queued:' .. have[1], '-' .. have[2])
end

-- The verdict, or nil: nobody knows it, and from now on it is known. This one is `<job> <hash> <proof>`.
local function settle(job, seen, id, this)
	local before = redis.call('SET', seen, this, 'NX', 'GET', 'EX', ttl)
	if not before then
		return nil
	end
	local hash, proof = this:match('^%S+ (%S+) ?(%S*)$')
	local first, known, was = before:match('^(%S+) (%S+) ?(%S*)$')
	local again = first and same(known, was, hash, proof)
	if again == nil then	-- rather twice than lost
		redis.call('SET', seen, this, 'EX', ttl)
		return nil
	end
	undo(job, id)
	if again then
		return {'same', first}
	end
	return {'other', first, redis.call('HGET', jobs:sub(1, -5) .. 'job:' .. first, 'state') or 'gone'}
end

local key = 1
for i = 4, #ARGV do
	local this, verdict = ARGV[i], nil
	local blank, job = this:find(' ', 1, true), KEYS[key + 1]
	local id = blank and this:sub(1, blank - 1) or this
	key = key + (blank and 2 or 1)
	if alone and redis.call('EXISTS', job) == 0 then
		verdict = {'lost'}
	elseif blank then
		verdict = settle(job, KEYS[key], id, this)
	end
	if not verdict then
		local v = ARGV[1]:sub(i - 3, i - 3)
		redis.call('HSET', job, 'message', redis.call('XADD', jobs, '*', 'v', v, 'job', id))
	end
	said[i - 3] = verdict or ok
end
return said
