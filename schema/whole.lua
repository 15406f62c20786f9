-- whole: a document has to be read by one worker after all, from its beginning: what stands behind its features says
-- how they were to be read. The first call ends all work on chunks but that of the caller, which stays to be taken by
-- whoever comes after it; what chunks have made goes with the last. Dead letters go some at a time, as by forget.lua.
--
-- KEYS job, parts, ids, out, report, dead, deadof, splits, jobs
-- ARGV 1 group, 2 now ms, 3 number of the chunk, 4 how many dead letters at the most
-- Returns 'more': it has removed some, and there may be others; 'ok'; 'stale' if the chunk is not worked on (any more).
local job, parts, ids, out, report, dead, deadof, splits, jobs = unpack(KEYS)
local have = redis.call('HMGET', job, 'state', 'split', 'message', 'source', 'results', 'dead', 'v', 'whole', 'epoch',
	'texts')
local chunk = redis.call('HMGET', parts, ARGV[3], 'c' .. ARGV[3], 'e' .. ARGV[3])
if have[1] ~= 'running' or not have[2] or not chunk[1] then
	return 'stale'
end
if not have[8] then
	redis.call('UNLINK', parts, ids)
	for i, kind in ipairs({'', 'c', 'e'}) do
		if chunk[i] then
			redis.call('HSET', parts, kind .. ARGV[3], chunk[i])
		end
	end
	redis.call('HDEL', job, 'fail', 'fail_code', 'fail_reason', 'fail_offset')
	-- Another epoch: whoever splits is to give out no more.
	redis.call('HSET', job, 'whole', '1', 'split', 'done', 'left', '1',
		'epoch', string.format('%.0f', tonumber(have[9]) + 1))
	hold_texts(job, have[10] and #chunk[1] - tonumber(have[10]) or 0)
end
if drop_letters(job, dead, deadof, tonumber(ARGV[4])) > 0 then
	redis.call('HSET', job, 'updated', ARGV[2])
	return 'more'
end
redis.call('UNLINK', parts, ids, out, report, deadof)
hold_texts(job, 0 - tonumber(redis.call('HGET', job, 'texts') or '0'))
local room = job:match('^(gs:{[^}]*}:)') .. 'room'
for i, kind in ipairs({'results', 'dead'}) do
	local bytes = tonumber(have[i + 4] or '0')
	if bytes > 0 then
		redis.call('HINCRBY', room, kind .. ':' .. (have[4] or ''), string.format('%.0f', -bytes))
	end
end
redis.call('HDEL', job, 'accepted', 'repaired', 'rejected', 'next', 'chunk', 'results', 'dead', 'split', 'split_at',
	'split_segment', 'split_skip', 'split_next', 'split_chunk', 'left', 'head_end', 'message', 'reach', 'box',
	'texts')
-- The letters that the janitor dropped come again.
for _, field in ipairs(redis.call('HKEYS', job)) do
	if field:match('^dropped:') then
		redis.call('HDEL', job, field)
	end
end
redis.call('HSET', job, 'parsed', '0', 'tries', '0', 'updated', ARGV[2])
redis.call('XACK', splits, ARGV[1], have[3])
redis.call('XDEL', splits, have[3])
local v = have[7] == '3' and '2' or have[7] or '1'	-- no chunks any more, see divide.lua
local message = redis.call('XADD', jobs, '*', 'v', v, 'job', job:match('job:(.*)$'))
redis.call('HSET', job, 'v', v, 'message', message)
return 'ok'
