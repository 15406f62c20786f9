-- commit: makes an upload visible as a job, or nothing. Called by the server on the last byte.
--
-- KEYS raw, job, jobs, staging, index, seen (or raw again where the delivery has no id), staged (only where admit.lua
--      kept room for it)
-- ARGV 1 job id, 2 now ms, 3 number of the last segment, 4 its hash, 5 its bytes (both '' where the same
--      transaction has added it just before), 6 hash of the body,
--      7 seconds to remember the delivery (0: it has no id), 8 what proves a delivery to be this one (see
--      admit.lua; '' for nothing), 9… field, value pairs for the job: source, held (the bytes in raw), then any
-- Returns {'ok'}; {'same', job} if this delivery was committed before; {'other', job, state} if its id was,
-- with another body; {'lost'} if segments are missing. All but 'ok' leave nothing of this upload.
local raw, job, jobs, staging, index, seen = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local staged, room = KEYS[7], jobs:sub(1, -5) .. 'room'
local id, now, last, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[7])
local added = ARGV[4] == ''

-- The same call again, after its reply was lost.
if redis.call('EXISTS', job) == 1 then
	return {'ok'}
end

-- The room that was kept for the upload is given back: what it takes is known now.
local function unstage()
	local have = staged and redis.call('HGET', staged, id)
	if last > 1 or have then
		redis.call('ZREM', staging, id)
	end
	if have then
		local bytes, source = have:match('^(%S+) (%S+)$')
		redis.call('HDEL', staged, id)
		redis.call('HINCRBY', room, 'staged:' .. source, string.format('%.0f', 0 - tonumber(bytes)))
	end
end

local function undo()
	if last > 1 or added then
		redis.call('UNLINK', raw)
	end
	unstage()
end

if ttl > 0 then
	local before = redis.call('GET', seen)
	local first, known, was = (before or ''):match('^(%S+) (%S+) ?(%S*)$')
	local again = first and same(known, was, ARGV[6], ARGV[8])
	if again ~= nil then
		undo()
		if again then
			return {'same', first}
		end
		local state = redis.call('HGET', seen:match('^(gs:{[^}]*}:)') .. 'job:' .. first, 'state')
		return {'other', first, state or 'gone'}
	end
end
if (last > 1 or added) and redis.call('XLEN', raw) ~= (added and last or last - 1) then
	undo()
	return {'lost'}
end
if not added then
	redis.call('XADD', raw, last .. '-0', 'd', ARGV[5], 'h', ARGV[4])
end
local has = {v = '1'}
for i = 9, #ARGV, 2 do
	has[ARGV[i]] = ARGV[i + 1]
end
local message = redis.call('XADD', jobs, '*', 'v', has.v, 'job', id)
redis.call('HSET', job, 'state', 'accepted', 'segments', last, 'message', message, 'created', now, 'updated', now,
	unpack(ARGV, 9))
redis.call('ZADD', index, now, id)
unstage()
redis.call('HINCRBY', room, 'queued:' .. ARGV[10], ARGV[12])
if ttl > 0 then
	redis.call('SET', seen, id .. ' ' .. ARGV[6] .. ' ' .. ARGV[8], 'EX', ttl)
end
return {'ok'}
