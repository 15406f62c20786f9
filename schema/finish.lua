-- finish: ends a job: its state, its callback, its message and its retention, at once.
--
-- KEYS job, jobs (splits where it was worked on in chunks), outbox, raw, out, report, dead, deadof, stats, parts, ids
-- ARGV 1 epoch, 2 group, 3 message id, 4 now ms, 5 state, 6 features read, 7 retention of the job ms,
--      8 retention of the raw bytes ms, 9 foreign members of the collection ('' if none), 10 its bbox ('' if none),
--      11 a chunk of the report ('' if none), 12 number of field, value arguments for the job, those, then field, value
--      arguments of a dead letter of kind 'document' (none unless failed)
-- Returns 'ok'; 'stale' if the caller no longer owns the job (or the same call was done before and its reply was
-- lost); 'short' if counts do not add up to the features read.
local job, jobs, outbox, raw, out, report, dead, deadof, stats, parts, ids = unpack(KEYS)
local have = redis.call('HMGET', job, 'epoch', 'state', 'next', 'source', 'accepted', 'repaired', 'rejected',
	'held', 'results', 'dead', 'chunk', 'texts', 'v', 'split')
local state, keep = ARGV[5], ARGV[7]
if have[1] ~= ARGV[1] or have[2] ~= 'running' then
	return 'stale'
end
if state == 'successful' then
	local counted = 0
	for i = 5, 7 do
		counted = counted + tonumber(have[i] or '0')
	end
	if (have[3] or '0') ~= ARGV[6] or counted ~= tonumber(ARGV[6]) then
		return 'short'
	end
end
local prefix, source, id = job:match('^(gs:{[^}]*}:)'), have[4] or '', job:match('job:(.*)$')
local held, was, letters = tonumber(have[8] or '0'), tonumber(have[9] or '0'), tonumber(have[10] or '0')
local results, room = was, prefix .. 'room'

local function hold(kind, source, bytes)
	if bytes ~= 0 then
		redis.call('HINCRBY', room, kind .. ':' .. source, string.format('%.0f', bytes))
	end
end

local fields = tonumber(ARGV[12])
redis.call('HSET', job, 'state', state, 'finished', ARGV[4], 'updated', ARGV[4], unpack(ARGV, 13, 12 + fields))
local head = ARGV[9]
if ARGV[10] ~= '' then
	-- The foreign members are there already where the job was worked on in chunks.
	local before = head ~= '' and head or redis.call('HGET', out, 'head') or ''
	head = (before ~= '' and before .. ',' or '') .. ARGV[10]
	results = results - (ARGV[9] ~= '' and 0 or #before)
end
if head ~= '' then
	redis.call('HSET', out, 'head', head)
	results = results + #head
end
if ARGV[11] ~= '' then
	local n = tonumber(have[11] or '0')
	redis.call('HSET', report, n, ARGV[11])
	redis.call('HSET', job, 'chunk', n + 1)
	results = results + #ARGV[11]
end
if state == 'failed' then
	local ids = redis.call('LRANGE', deadof, 0, -1)
	for at = 1, #ids, 1000 do
		redis.call('XDEL', dead, unpack(ids, at, math.min(at + 999, #ids)))
	end
	redis.call('UNLINK', out, deadof)
	hold('dead', source, -letters)
	results, letters = 0, 0
	local behind = 0
	for _, n in ipairs(redis.call('HKEYS', report)) do
		results = results + redis.call('HSTRLEN', report, n)
		behind = math.max(behind, tonumber(n) + 1)
	end
	if have[14] then	-- the tail, which says how many chunks there are, may not have been done
		redis.call('HSET', job, 'chunk', behind)
	end
	if #ARGV > 12 + fields then
		local letter = redis.call('XADD', dead, '*', unpack(ARGV, 13 + fields))
		redis.call('RPUSH', deadof, letter)
		for i = 13 + fields, #ARGV do
			letters = letters + #ARGV[i]
		end
		hold('dead', source, letters)
	end
end
redis.call('HSET', job, 'owed', redis.call('XADD', outbox, '*', 'v', '1', 'job', id, 'source', source))
redis.call('XACK', jobs, ARGV[2], ARGV[3])
redis.call('XDEL', jobs, ARGV[3])
redis.call('PEXPIRE', raw, ARGV[8])
redis.call('UNLINK', parts, ids)
if have[12] then	-- with `parts` the texts of its chunks are gone
	hold_texts(job, 0 - tonumber(have[12]))
	held = held - tonumber(have[12])
	redis.call('HDEL', job, 'texts')
end
if have[13] == '3' then	-- as in whole.lua
	redis.call('HSET', job, 'v', '2')
end
-- The body is no longer work; it and the results hold room until expire.lua gives that back.
hold('queued', source, -held)
hold('kept', source, held)
hold('results', source, results - was)
redis.call('HSET', job, 'results', string.format('%.0f', results), 'dead', string.format('%.0f', letters))
redis.call('ZADD', prefix .. 'expiring',
	ARGV[4] + ARGV[8], string.format('raw %s %.0f %s', id, held, source),
	ARGV[4] + keep, string.format('out %s %.0f %s', id, results, source))
for _, key in ipairs({job, out, report, deadof}) do
	redis.call('PEXPIRE', key, keep)
end
redis.call('HINCRBY', stats, 'jobs_' .. state, 1)
for i, name in ipairs({'accepted', 'repaired', 'rejected'}) do
	redis.call('HINCRBY', stats, 'features_' .. name, have[i + 4] or 0)
end
return 'ok'
