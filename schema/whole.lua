-- whole: a document has to be read by one worker after all, from its beginning: what stands behind its features says
-- how they were to be read.
--
-- KEYS job, parts, ids, out, report, dead, deadof, splits, jobs
-- ARGV 1 group, 2 now ms
-- Returns 'ok'; 'stale' if it is not worked on in chunks (any more).
local job, parts, ids, out, report, dead, deadof, splits, jobs = unpack(KEYS)
local have = redis.call('HMGET', job, 'state', 'split', 'message', 'source', 'results', 'dead', 'v')
if have[1] ~= 'running' or not have[2] then
	return 'stale'
end
local letters = redis.call('LRANGE', deadof, 0, -1)
for at = 1, #letters, 1000 do
	redis.call('XDEL', dead, unpack(letters, at, math.min(at + 999, #letters)))
end
redis.call('UNLINK', parts, ids, out, report, deadof)
local room = job:match('^(gs:{[^}]*}:)') .. 'room'
for i, kind in ipairs({'results', 'dead'}) do
	local bytes = tonumber(have[i + 4] or '0')
	if bytes > 0 then
		redis.call('HINCRBY', room, kind .. ':' .. (have[4] or ''), string.format('%.0f', -bytes))
	end
end
redis.call('HDEL', job, 'accepted', 'repaired', 'rejected', 'next', 'chunk', 'results', 'dead', 'split', 'split_at',
	'split_segment', 'split_skip', 'split_next', 'split_chunk', 'left', 'head_end', 'fail', 'fail_code',
	'fail_reason', 'fail_offset', 'message', 'reach', 'box')
redis.call('HSET', job, 'whole', '1', 'parsed', '0', 'tries', '0', 'updated', ARGV[2])
redis.call('XACK', splits, ARGV[1], have[3])
redis.call('XDEL', splits, have[3])
redis.call('HSET', job, 'message', redis.call('XADD', jobs, '*', 'v', have[7] or '1', 'job',
	job:match('job:(.*)$')))
return 'ok'
