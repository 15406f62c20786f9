-- shed: takes results away, of the jobs that ended first, until what is left fits its bound; the janitor's. Reports
-- stay.
--
-- KEYS expiring, room
-- ARGV 1 source ('' for all), 2 bytes of results that may be kept, 3 where in `expiring` to begin, 4 how many to look
--      at
-- Returns {where to go on (-1 if the bound is met or there are no more), jobs that lost their results}. Such a job has
-- the field `shed`, the bytes that went.
local expiring, room = KEYS[1], KEYS[2]
local prefix = expiring:match('^(gs:{[^}]*}:)')
local begin, count = tonumber(ARGV[3]), tonumber(ARGV[4])
local excess, jobs = 0 - tonumber(ARGV[2]), 0
local held = redis.call('HGETALL', room)
for i = 1, #held, 2 do
	local of = held[i]:match('^results:(.*)$')
	if of and (ARGV[1] == '' or of == ARGV[1]) then
		excess = excess + tonumber(held[i + 1])
	end
end

local function shed(member, score)
	local job, bytes, source = member:match('^out (%S+) (%S+) (%S+)$')
	if not job or ARGV[1] ~= '' and source ~= ARGV[1] then
		return
	end
	local left, hash, report = 0, prefix .. 'job:' .. job, prefix .. 'report:' .. job
	for _, n in ipairs(redis.call('HKEYS', report)) do
		left = left + redis.call('HSTRLEN', report, n)
	end
	local freed = tonumber(bytes) - left
	if freed <= 0 then
		return
	end
	redis.call('UNLINK', prefix .. 'out:' .. job)
	redis.call('ZREM', expiring, member)
	redis.call('ZADD', expiring, score, string.format('out %s %.0f %s', job, left, source))
	redis.call('HINCRBY', room, 'results:' .. source, string.format('%.0f', 0 - freed))
	if redis.call('EXISTS', hash) == 1 then
		redis.call('HSET', hash, 'results', string.format('%.0f', left), 'shed', string.format('%.0f', freed))
	end
	excess, jobs = excess - freed, jobs + 1
end

local page = excess > 0 and redis.call('ZRANGE', expiring, begin, begin + count - 1, 'WITHSCORES') or {}
for i = 1, #page, 2 do
	if excess > 0 then
		shed(page[i], page[i + 1])
	end
end
return {excess > 0 and #page == 2 * count and begin + count or -1, jobs}
