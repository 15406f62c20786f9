-- forget: removes dead letters of a job that is about to fail or to begin anew, some at a time: a million of them in
-- one script would keep Redis from everybody else for seconds. Their room is given back by finish.lua or restart.lua.
--
-- KEYS job, dead, deadof
-- ARGV 1 epoch, 2 how many at the most
-- Returns how many it removed; 0 also if the caller no longer owns the job.
local have = redis.call('HMGET', KEYS[1], 'epoch', 'state')
local ids = have[1] == ARGV[1] and have[2] == 'running' and redis.call('LPOP', KEYS[3], ARGV[2])
if not ids then
	return 0
end
redis.call('XDEL', KEYS[2], unpack(ids))
return #ids
