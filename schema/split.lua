-- split: a splitter gives out one chunk, and moves its checkpoint behind it.
--
-- KEYS job, chunks, parts, ids
-- ARGV 1 epoch, 2 number of the chunk, 3 its message (feature.proto), 4 offset behind it, 5 segment in which that lies,
--      6 bytes of that segment before it, 7 index behind its last feature, 8 '1' if it is the tail, 9 hashes of the ids
--      in it (8 bytes each), 10 now ms, 11 chunks that may be outstanding, 12 bytes of text that they may hold
-- Returns {'ok', outstanding, microseconds, units}, the last two for what is done so far; also where the same call was
-- done before. {'full'}: not now. {'over'}: the document has failed, no more is wanted. {'stale'}: not ours any more;
-- or chunks before this one are not there: a Redis that lost its last second has forgotten them, and whoever splits
-- next gives them out again.
local job, chunks, parts, ids = unpack(KEYS)
local have = redis.call('HMGET', job, 'epoch', 'state', 'split', 'split_chunk', 'left', 'fail', 'cost_us', 'cost_units',
	'v', 'encoding', 'texts')
if have[1] ~= ARGV[1] or have[2] ~= 'running' or not have[3] then
	return {'stale'}
end
local left, before = tonumber(have[5]), tonumber(have[4]) > tonumber(ARGV[2])
if tonumber(have[4]) < tonumber(ARGV[2]) then
	return {'stale'}
end
local texts, more = tonumber(have[11] or '0'), have[10] and #ARGV[3] or 0
if not before then
	if have[6] then
		redis.call('HSET', job, 'split', 'done')
		return {'over'}
	end
	if left >= tonumber(ARGV[11]) or texts > 0 and texts + more > tonumber(ARGV[12]) then
		return {'full'}
	end
	local id = redis.call('XADD', chunks, '*', 'v', have[9] or '1', 'job', job:match('job:(.*)$'), 'n', ARGV[2])
	redis.call('HSET', parts, ARGV[2], ARGV[3], 'e' .. ARGV[2], id)
	hold_texts(job, more)
	if ARGV[9] ~= '' then
		redis.call('APPEND', ids, ARGV[9])
	end
	left = redis.call('HINCRBY', job, 'left', 1)
	redis.call('HSET', job, 'split', ARGV[8] == '1' and 'done' or 'open', 'split_chunk', tonumber(ARGV[2]) + 1,
		'split_at', ARGV[4], 'split_segment', ARGV[5], 'split_skip', ARGV[6], 'split_next', ARGV[7],
		'tries', '0', 'updated', ARGV[10])
end
return {'ok', left, have[7] or '0', have[8] or '0'}
