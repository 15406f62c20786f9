-- suspect: a process died of a feature, or outlived it: a trial of the feature alone went well.
--
-- KEYS job
-- ARGV 1 index of the feature, 2 code, 3 a token of this death ('tried' for a trial), 4 'decode' if it died before
--      the feature was read, else 'work', 5 reason, 6 now ms, 7 suspicions of one job that count as progress
-- The field `suspects` has a line for each: index, deaths, token of the last one, code, when, reason. Those before
-- the checkpoint go, but for those that died while they were read: whoever goes on from there reads them again. Returns
-- the feature's deaths so far; the same call again adds none. 0 if the job is gone or has ended.
local job = KEYS[1]
local have = redis.call('HMGET', job, 'state', 'suspects', 'next', 'split')
if have[1] ~= 'accepted' and have[1] ~= 'running' then
	return 0
end
local lines, deaths, known = {}, 0, false
local first = have[4] and 0 or tonumber(have[3] or '0')	-- chunks are done in any order
for line in (have[2] or ''):gmatch('[^\n]+') do
	local index, n, token, when = line:match('^(%d+) (%d+) (%S+) %S+ (%S+)')
	if index == ARGV[1] then
		deaths, known = tonumber(n), token == ARGV[3]
		if known then
			lines[#lines + 1] = line
		elseif ARGV[3] == 'tried' then
			lines[#lines + 1] = line:gsub('^(%d+ %d+) %S+', '%1 tried', 1)
		end
	elseif tonumber(index) >= first or when == 'decode' then
		lines[#lines + 1] = line
	end
end
if not known and ARGV[3] ~= 'tried' then
	deaths = deaths + 1
	lines[#lines + 1] = table.concat({ARGV[1], deaths, ARGV[3], ARGV[2], ARGV[4], (ARGV[5]:gsub('\n', ' '))}, ' ')
	if redis.call('HINCRBY', job, 'suspicions', 1) <= tonumber(ARGV[7]) then
		redis.call('HSET', job, 'tries', '0')
	end
end
redis.call('HSET', job, 'suspects', table.concat(lines, '\n'), 'updated', ARGV[6])
return deaths
