-- queue: how many jobs wait for a worker, and for how long the oldest of them has. Reads only.
--
-- KEYS jobs
-- ARGV 1 group, 2 now ms
-- Returns {jobs, ms}. One that a worker holds waits no more.
local length = redis.call('XLEN', KEYS[1])
if length == 0 then
	return {0, 0}
end
local after, pending = '-', 0
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
for _, group in ipairs(groups.err and {} or groups) do
	local f = {}
	for i = 1, #group, 2 do
		f[group[i]] = group[i + 1]
	end
	if f.name == ARGV[1] then
		after, pending = '(' .. f['last-delivered-id'], f.pending
	end
end
local oldest = redis.call('XRANGE', KEYS[1], after, '+', 'COUNT', 1)[1]
if not oldest then
	return {0, 0}
end
return {math.max(length - pending, 1), math.max(tonumber(ARGV[2]) - tonumber(oldest[1]:match('^%d+')), 0)}
