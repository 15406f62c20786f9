-- publish: the end of the transaction that commits bodies of one segment, one or several. Before it stand XADD raw
-- and HSET job of each, ZADD index and HINCRBY room; here stays what needs an answer. Every argument of a script costs
-- as much as a field of a hash: so there are few. A Redis that has lost its scripts does the rest without this: then it
-- is called again, alone, for each.
--
-- KEYS jobs; then for each: job and, where the delivery has an id, seen
-- ARGV 1 v of the messages, a digit for each or one for all, 2 seconds to remember a delivery, 3 'alone' where it is
--      called again; then for each: job id and, where the delivery has an id, behind a blank each: hash of the body,
--      what proves a delivery to be this one ('' for nothing)
-- Returns 'ok' where that is so of all; else for each what commit.lua returns ('lost' where it is called again too
-- late: audit.lua was there before). Where that is not 'ok', what the transaction has done of it is undone.
local jobs, ttl, alone = KEYS[1], ARGV[2], ARGV[3] == 'alone'

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

-- The usual case, of which there are many: no ids, one v, and all goes well.
local call, v, plain = redis.call, #ARGV[1] == 1 and ARGV[1], #KEYS - 1 == #ARGV - 3
local key, said = 1, nil
for i = 4, #ARGV do
	local id, job, verdict = ARGV[i], KEYS[key + 1], nil
	local blank = not plain and id:find(' ', 1, true)
	key = key + (blank and 2 or 1)
	if blank then
		id = id:sub(1, blank - 1)
	end
	if alone and call('EXISTS', job) == 0 then
		verdict = {'lost'}
	elseif blank then
		verdict = settle(job, KEYS[key], id, ARGV[i])
	end
	if verdict then
		said = said or {}
		said[i - 3] = verdict
	else
		call('HSET', job, 'message', call('XADD', jobs, '*', 'v', v or ARGV[1]:sub(i - 3, i - 3), 'job', id))
	end
end
if not said then
	return 'ok'
end
for i = 1, #ARGV - 3 do
	said[i] = said[i] or {'ok'}
end
return said
