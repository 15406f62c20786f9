-- forget: removes dead letters of a job that is about to fail or to begin anew, some at a time: a million of them in
-- one script would keep Redis from everybody else for seconds. What the job is about to do is written with the first
-- that go: whoever claims it next does so, whatever its own settings would make of the document.
--
-- KEYS job, dead, deadof
-- ARGV 1 epoch, 2 how many at the most, 3 of one that is to begin anew: by which CRS; or 3 code, 4 reason, 5 offset
-- Returns how many it removed; 0 also if the caller no longer owns the job.
local have = redis.call('HMGET', KEYS[1], 'epoch', 'state')
if have[1] ~= ARGV[1] or have[2] ~= 'running' then
	return 0
end
local gone = drop_letters(KEYS[1], KEYS[2], KEYS[3], tonumber(ARGV[2]))
-- Behind what removes: a full Redis takes it then.
if gone > 0 and not ARGV[4] then
	redis.call('HSET', KEYS[1], 'anew', ARGV[3])
elseif gone > 0 then
	redis.call('HSETNX', KEYS[1], 'fail', '0')
	redis.call('HSET', KEYS[1], 'fail_code', ARGV[3], 'fail_reason', ARGV[4], 'fail_offset', ARGV[5])
end
return gone
