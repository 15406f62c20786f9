-- chunk: writes one chunk's results, report, dead letters and counts, once.
--
-- KEYS job, out, report, dead, deadof
-- ARGV 1 epoch, 2 index of its first feature, 3 index behind its last, 4 accepted, 5 repaired, 6 rejected,
--      7 bytes parsed, 8 now ms, 9 results ('' if none), 10 report ('' if none), 11 how far all features
--      up to here reach ('' if nobody wants to know), then for each dead letter the number of its field and value
--      arguments and those arguments
-- Returns 'ok', also where the same call was done before and its reply was lost; 'stale' if the caller no longer
-- owns the job, or the job is not where the caller thinks.
local job, out, report, dead, deadof = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local have = redis.call('HMGET', job, 'epoch', 'state', 'next', 'chunk', 'source')
if have[1] ~= ARGV[1] or have[2] ~= 'running' then
	return 'stale'
end
if (have[3] or '0') ~= ARGV[2] then
	return have[3] == ARGV[3] and 'ok' or 'stale'
end
local n = have[4] or '0'
if ARGV[9] ~= '' then
	redis.call('HSET', out, n, ARGV[9])
end
if ARGV[10] ~= '' then
	redis.call('HSET', report, n, ARGV[10])
end
local at, letters = 12, 0
while at <= #ARGV do
	local fields = tonumber(ARGV[at])
	local id = redis.call('XADD', dead, '*', unpack(ARGV, at + 1, at + fields))
	redis.call('RPUSH', deadof, id)
	for i = at + 1, at + fields do
		letters = letters + #ARGV[i]
	end
	at = at + 1 + fields
end
redis.call('HINCRBY', job, 'accepted', ARGV[4])
redis.call('HINCRBY', job, 'repaired', ARGV[5])
redis.call('HINCRBY', job, 'rejected', ARGV[6])
-- What the source holds, and what of it this job does.
local room = job:match('^(gs:{[^}]*}:)') .. 'room'
for kind, bytes in pairs({results = #ARGV[9] + #ARGV[10], dead = letters}) do
	if bytes > 0 then
		redis.call('HINCRBY', job, kind, bytes)
		redis.call('HINCRBY', room, kind .. ':' .. (have[5] or ''), bytes)
	end
end
redis.call('HSET', job, 'next', ARGV[3], 'chunk', tonumber(n) + 1, 'parsed', ARGV[7], 'updated', ARGV[8],
	'tries', '0')
if ARGV[11] ~= '' then
	redis.call('HSET', job, 'reach', ARGV[11])
end
return 'ok'
