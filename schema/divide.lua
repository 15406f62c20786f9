-- divide: a large collection is to be worked on in chunks. Its message moves to the stream of splitters, which workers
-- that know nothing of chunks do not read. If its body is encoded its chunks hold their text: it becomes one of
-- version 3, for workers that know of that.
--
-- KEYS job, jobs, splits
-- ARGV 1 epoch, 2 group, 3 message id, 4 now ms, 5 offset behind the bracket that opens the features, 6 the segment in
--      which it lies, 7 bytes of that segment before it, 8 the CRS that they are to come out in ('' for any)
-- Returns 'ok', also where the same call was done before; 'stale' if the caller no longer owns the job.
local job, jobs, splits = KEYS[1], KEYS[2], KEYS[3]
local have = redis.call('HMGET', job, 'epoch', 'state', 'split', 'v', 'encoding')
if have[1] ~= ARGV[1] or have[2] ~= 'running' then
	return 'stale'
end
if have[3] then
	return 'ok'
end
local v = have[5] and '3' or have[4] or '1'
local id = redis.call('XADD', splits, '*', 'v', v, 'job', job:match('job:(.*)$'))
redis.call('HSET', job, 'split', 'open', 'message', id, 'head_end', ARGV[5], 'split_at', ARGV[5],
	'split_segment', ARGV[6], 'split_skip', ARGV[7], 'split_next', '0', 'split_chunk', '0', 'left', '0',
	'tries', '0', 'updated', ARGV[4])
if have[5] then
	redis.call('HSET', job, 'v', v)
end
if ARGV[8] ~= '' then
	redis.call('HSETNX', job, 'target', ARGV[8])
end
redis.call('XACK', jobs, ARGV[2], ARGV[3])
redis.call('XDEL', jobs, ARGV[3])
return 'ok'
