-- dismiss: a client takes a job back (DELETE /v1/jobs/{id}).
--
-- KEYS job, raw, out, report, index
-- ARGV 1 job id, 2 now ms, 3 retention ms
-- Returns 'gone', 'dismissed', or 'removed' if it had ended already. The same call again, after its reply was lost,
-- says 'dismissed' again. A worker that holds it meets 'stale'.
local have = redis.call('HMGET', KEYS[1], 'state', 'source', 'held', 'results', 'finished')
local state, source, held, results = have[1], have[2] or '', tonumber(have[3] or '0'), tonumber(have[4] or '0')
local prefix = KEYS[1]:match('^(gs:{[^}]*}:)')
local room = prefix .. 'room'

local function hold(kind, source, bytes)
	if bytes ~= 0 then
		redis.call('HINCRBY', room, kind .. ':' .. source, string.format('%.0f', bytes))
	end
end

if not state then
	return 'gone'
end
if state == 'dismissed' and have[5] == ARGV[2] then
	return 'dismissed'
end
redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4],
	(KEYS[1]:gsub(':job:', ':parts:', 1)), (KEYS[1]:gsub(':job:', ':ids:', 1)))
local kind = 'kept'
if state == 'accepted' or state == 'running' then
	kind = 'queued'
elseif state ~= 'dismissed' then
	if redis.call('ZREM', prefix .. 'expiring', string.format('raw %s %.0f %s', ARGV[1], held, source)) == 0 then
		held = 0
	end
	if redis.call('ZREM', prefix .. 'expiring', string.format('out %s %.0f %s', ARGV[1], results, source)) == 0 then
		results = 0
	end
end
if state ~= 'dismissed' then
	hold(kind, source, -held)
	hold('results', source, -results)
end
if state == 'accepted' or state == 'running' then
	redis.call('HSET', KEYS[1], 'state', 'dismissed', 'finished', ARGV[2], 'updated', ARGV[2])
	redis.call('PEXPIRE', KEYS[1], ARGV[3])
	redis.call('PEXPIRE', (KEYS[1]:gsub(':job:', ':deadof:', 1)), ARGV[3])
	return 'dismissed'
end
redis.call('UNLINK', KEYS[1])
redis.call('ZREM', KEYS[5], ARGV[1])
return 'removed'
