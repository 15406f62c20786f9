-- audit: puts back work that Redis has lost: jobs and callbacks owed whose stream entry is gone (trimmed, or its key
-- removed). Of a job that never had an entry the transaction lacked publish.lua, and the server that wanted to call it
-- again is gone, or its connection: nobody was told of it. It is taken back, since its sender sends it once more, and
-- no `seen` would know it; unless it runs: then a worker had its message, so it was acknowledged. One alone may have
-- been acknowledged all the same: at level memory, where publish.lua came later, alone, and Redis lost its last second
-- from between the two. The janitor's; it walks the index slice by slice.
--
-- KEYS index, jobs, outbox
-- ARGV 1 rank to begin at, 2 how many jobs to look at, 3 the latest sign of life (unix ms) of a job that counts as none
-- Returns {rank to go on at (0 at the end), jobs put back, callbacks put back, jobs taken back}.
local prefix = KEYS[1]:match('^(gs:{[^}]*}:)')
local from, count = tonumber(ARGV[1]), tonumber(ARGV[2])
local ids = redis.call('ZRANGE', KEYS[1], from, from + count - 1)
local jobs, callbacks, taken = 0, 0, 0

local function is_lost(stream, entry)
	return #redis.call('XRANGE', stream, entry, entry) == 0
end

local function take_back(id, job, source, held)
	redis.call('UNLINK', job, prefix .. 'raw:' .. id)
	redis.call('ZREM', KEYS[1], id)
	redis.call('HINCRBY', prefix .. 'room', 'queued:' .. (source or ''),
		string.format('%.0f', 0 - tonumber(held or '0')))
	taken = taken + 1
end

for _, id in ipairs(ids) do
	local job = prefix .. 'job:' .. id
	local have = redis.call('HMGET', job, 'state', 'updated', 'message', 'owed', 'source', 'split', 'v', 'held')
	local state, message, owed = have[1], have[3], have[4]
	local stream = have[6] and prefix .. 'splits' or KEYS[2]
	local silent = (state == 'accepted' or state == 'running') and tonumber(have[2]) <= tonumber(ARGV[3])
	if silent and not message and state == 'accepted' then
		take_back(id, job, have[5], have[8])
	elseif silent and (not message or is_lost(stream, message)) then
		redis.call('HSET', job, 'message', redis.call('XADD', stream, '*', 'v', have[7] or '1', 'job', id))
		jobs = jobs + 1
	end
	if owed and is_lost(KEYS[3], owed) then
		redis.call('HSET', job, 'owed',
			redis.call('XADD', KEYS[3], '*', 'v', '1', 'job', id, 'source', have[5] or ''))
		callbacks = callbacks + 1
	end
end
return {#ids == count and from + count - taken or 0, jobs, callbacks, taken}
