-- commit: makes an upload visible as a job, or nothing. Called by the server on the last byte.
--
-- KEYS raw, job, jobs, staging, index, seen (or raw again where the delivery has no id)
-- ARGV 1 job id, 2 now ms, 3 number of the last segment, 4 its hash, 5 its bytes, 6 SHA-256 of the body,
--      7 seconds to remember the delivery (0: it has no id), 8… field, value pairs for the job
-- Returns {'ok'}; {'same', job} if this delivery was committed before; {'other', job, state} if its id was,
-- with another body; {'lost'} if segments are missing. All but 'ok' leave nothing of this upload.
local raw, job, jobs, staging, index, seen = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local id, now, last, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[7])

-- The same call again, after its reply was lost.
if redis.call('EXISTS', job) == 1 then
	return {'ok'}
end

local function undo()
	if last > 1 then
		redis.call('UNLINK', raw)
		redis.call('ZREM', staging, id)
	end
end

if ttl > 0 then
	local before = redis.call('GET', seen)
	if before then
		local first, hash = before:match('^(%S+) (%S+)$')
		undo()
		if hash == ARGV[6] then
			return {'same', first}
		end
		local state = redis.call('HGET', seen:match('^(gs:{[^}]*}:)') .. 'job:' .. first, 'state')
		return {'other', first, state or 'gone'}
	end
end
if last > 1 and redis.call('XLEN', raw) ~= last - 1 then
	undo()
	return {'lost'}
end
redis.call('XADD', raw, last .. '-0', 'd', ARGV[5], 'h', ARGV[4])
local message = redis.call('XADD', jobs, '*', 'v', '1', 'job', id)
redis.call('HSET', job, 'v', '1', 'state', 'accepted', 'segments', last, 'hash', ARGV[6], 'message', message,
	'created', now, 'updated', now, unpack(ARGV, 8))
redis.call('ZADD', index, now, id)
if last > 1 then
	redis.call('ZREM', staging, id)
end
if ttl > 0 then
	redis.call('SET', seen, id .. ' ' .. ARGV[6], 'EX', ttl)
end
return {'ok'}
