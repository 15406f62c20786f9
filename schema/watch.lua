-- watch: how does a job stand that is worked on in chunks?
--
-- KEYS job, parts, chunks
-- ARGV 1 now ms
-- Returns {'gone'}; {'successful', epoch, message id, features, CRS, reach, box} or {'failed', epoch, message id,
-- code, reason, offset} if it can be ended so (finish.lua); else {'waits', outstanding, epoch, chunks put back}: those
-- whose message was lost have a new one.
local job, parts, chunks = KEYS[1], KEYS[2], KEYS[3]
local have = redis.call('HMGET', job, 'state', 'split', 'left', 'fail', 'epoch', 'message', 'next', 'fail_code',
	'fail_reason', 'fail_offset', 'used_crs', 'v', 'reach', 'box')
if have[1] ~= 'running' or not have[2] then
	return {'gone'}
end
local first, lost = math.huge, 0
for _, field in ipairs(redis.call('HKEYS', parts)) do
	if tonumber(field) then
		local id = redis.call('HGET', parts, 'e' .. field)
		if not id or #redis.call('XRANGE', chunks, id, id) == 0 then
			id = redis.call('XADD', chunks, '*', 'v', have[12] or '1', 'job', job:match('job:(.*)$'),
				'n', field)
			redis.call('HSET', parts, 'e' .. field, id)
			lost = lost + 1
		end
		first = math.min(first, tonumber(field))
	end
end
if have[4] then
	if first > tonumber(have[4]) then
		return {'failed', have[5], have[6], have[8], have[9], have[10]}
	end
elseif have[2] == 'done' and first == math.huge then
	return {'successful', have[5], have[6], have[7], have[11] or '', have[13] or '', have[14] or ''}
end
redis.call('HSET', job, 'tries', '0', 'updated', ARGV[1])	-- to look is no try; to end it is
return {'waits', have[3], have[5], lost}
