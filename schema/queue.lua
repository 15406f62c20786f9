-- queue: how much work waits for a worker, and for how long the oldest of it has. Reads only.
--
-- KEYS jobs, splits, chunks
-- ARGV 1 group, 2 now ms
-- Returns {jobs, ms, chunks}: documents that nobody has begun (or that wait for a splitter), and chunks of those that
-- were; ms is of the oldest among them all. What a worker holds waits no more.
local oldest = tonumber(ARGV[2])

local function waiting(stream)
	local length = redis.call('XLEN', stream)
	if length == 0 then
		return 0
	end
	local after, pending = '-', 0
	local groups = redis.pcall('XINFO', 'GROUPS', stream)
	for _, group in ipairs(groups.err and {} or groups) do
		local f = {}
		for i = 1, #group, 2 do
			f[group[i]] = group[i + 1]
		end
		if f.name == ARGV[1] then
			after, pending = '(' .. f['last-delivered-id'], f.pending
		end
	end
	local first = redis.call('XRANGE', stream, after, '+', 'COUNT', 1)[1]
	if not first then
		return 0
	end
	oldest = math.min(oldest, tonumber(first[1]:match('^%d+')))
	return math.max(length - pending, 1)
end

local jobs = waiting(KEYS[1]) + waiting(KEYS[2])
local chunks = waiting(KEYS[3])
return {jobs, tonumber(ARGV[2]) - oldest, chunks}
