-- forget: removes dead letters of a job that is about to fail or to begin anew, some at a time: a million of them in
-- one script would keep Redis from everybody else for seconds. What the job is about to do is written with the first
-- that go: whoever claims it next does so, whatever its own settings would make of the document. Its lease is renewed
-- with all that go: together they may take longer.
--
-- KEYS job, dead, deadof, jobs
-- ARGV 1 epoch, 2 group, 3 consumer, 4 message id, 5 how many at the most, 6 of one that is to begin anew: by which
--      CRS; or 6 code, 7 reason, 8 offset
-- Returns how many it removed; 0 also if the caller no longer owns the job.
local have = redis.call('HMGET', KEYS[1], 'epoch', 'state')
if have[1] ~= ARGV[1] or have[2] ~= 'running' then
	return 0
end
local gone = drop_letters(KEYS[1], KEYS[2], KEYS[3], tonumber(ARGV[5]))
if gone == 0 then
	return 0
end
redis.pcall('XCLAIM', KEYS[4], ARGV[2], ARGV[3], 0, ARGV[4], 'JUSTID')
-- Behind what removes: a full Redis takes it then.
if ARGV[7] then
	redis.call('HSETNX', KEYS[1], 'fail', '0')
	redis.call('HSET', KEYS[1], 'fail_code', ARGV[6], 'fail_reason', ARGV[7], 'fail_offset', ARGV[8])
else
	redis.call('HSET', KEYS[1], 'anew', ARGV[6])
end
return gone
